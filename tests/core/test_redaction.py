import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.knownsecrets import FEW
from sidecar.core.redaction import (
    REDACTED,
    Redactor,
    secrets_of_environment,
    secrets_of_session,
)

B64 = "".join(chr(65 + i % 26) for i in range(64))
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{B64}\n{B64}==\n-----END RSA PRIVATE KEY-----"

SHAPED = [
    "sk-ant-api03-AbCdEf012345678901234567",
    "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv",
    "glpat-AbCdEf0123456789xyz",
    "npm_AbCdEf0123456789AbCdEf0123456789abcd",
    "hf_AbCdEf0123456789AbCdEf0123",
    "xoxb-123456789012-abcdefGHIJKL",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijklmnopqrstuvw",
    "ya29.a0AfH6SMBxxxxxxxxxxxxxxxx",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
]


@pytest.mark.parametrize("secret", SHAPED)
@pytest.mark.parametrize("around", ["{}", "key={}", '{{"a": "{}"}}', "before {} after", "({})"])
def test_what_looks_like_a_token_is_taken_out(secret: str, around: str) -> None:
    text = Redactor().text(around.format(secret))

    assert secret not in text
    assert REDACTED in text
    assert text.endswith(around.rpartition("{}")[2].replace("}}", "}"))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        ('{"Authorization": "Bearer opaque.token-1234"}', "opaque.token-1234"),
        (r"{\"authorization\": \"token-value-12\"}", "token-value-12"),
        ("sent bearer 0123456789abcdef to it", "0123456789abcdef"),
        ("https://user:hunter2@example.com/x", "hunter2"),
        ("postgres://app:p%40ss@db/app", "p%40ss"),
        ("https://ghtoken1@github.com/a", "ghtoken1"),
        ("GET /v1?api_key=abcdefgh12345678&x=1", "abcdefgh12345678"),
        ("Cookie: session=abc123; other=def456", "def456"),
        ("MY_PASSWORD=correct-horse", "correct-horse"),
        ("client_secret: 'not-a-word'", "not-a-word"),
        ("the key 5f4dcc3b5aa765d61d8327deb882cf99", "5f4dcc3b5aa765d61d8327deb882cf99"),
        ("AZURE_KEY=QWxhZGRpbjpvcGVuIHNlc2FtZQ12==", "QWxhZGRpbjpvcGVuIHNlc2FtZQ12"),
        ("AccountName=a;AccountKey=QWxhZGRpbjpvcGVu==", "QWxhZGRpbjpvcGVu"),
        ("node server.js --token opaque-word-12 --port 1", "opaque-word-12"),
        ("spawn npx --api-key\nopaque-word-12", "opaque-word-12"),
        ('args: ["x", "--auth-token", "opaque-word-12"]', "opaque-word-12"),
        ("argv ['x', '--client-secret', 'opaque-word-12']", "opaque-word-12"),
        (r"{\\\"token\\\": \\\"opaque-word-12\\\"}", "opaque-word-12"),
        ("next=%2Fcallback%3Faccess_token%3Dopaque-word-12", "opaque-word-12"),
        ("%7B%22apiKey%22%3A%22opaque-word-12%22%7D", "opaque-word-12"),
    ],
)
def test_what_stands_behind_a_telling_word_is_taken_out(text: str, secret: str) -> None:
    assert secret not in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "maxThinkingTokens: 31999",
        "agent --max-tokens 128000000 --token-file --verbose",
        "basic understanding of the code",
        "the bearer of this letter",
        "http://127.0.0.1:4096/session/ses_1",
        "host a@b.example, key words and a monkey",
        "a task-list-with-a-very-long-name",
        "provider.started pid=4711 program=/usr/bin/node",
        "t1/3/turn-0123456789abcdef0123/req-2",
        "Error: ENOENT: no such file or directory, open '/home/me/token.txt'",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "text",
    [PEM, f"a {PEM} b", PEM[:100], PEM[60:], f"{PEM}\n{PEM}", PEM.replace("\n", "\\n")],
    ids=["whole", "within", "without end", "without beginning", "two", "escaped"],
)
def test_a_private_key_is_taken_out_whole_or_cut(text: str) -> None:
    cleaned = Redactor().text(text)

    assert B64[:20] not in cleaned
    assert REDACTED in cleaned


def test_a_certificate_stays() -> None:
    text = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    assert Redactor().text(text) == text


@pytest.mark.parametrize("secret", ["plain old words", 'quo"te\\d\nand more', "schlüssel/+=&"])
def test_a_known_value_is_taken_out_however_it_is_written(secret: str) -> None:
    redactor = Redactor([secret])
    forms = [secret, json.dumps(secret), json.dumps({"a": [secret]}, ensure_ascii=False)]
    forms += [quote(secret, safe=""), f"x{secret}y", secret * 2]

    for form in forms:
        assert REDACTED in redactor.text(form)
        assert secret not in redactor.text(form)
        assert secret[:8] not in redactor.text(form)


def test_a_line_of_a_known_value_is_known() -> None:
    redactor = Redactor(["first line of the secret\nsecond line of the secret"])
    assert redactor.text("> second line of the secret") == f"> {REDACTED}"


def test_the_longer_of_two_known_values_goes_first() -> None:
    redactor = Redactor(["password", "password-and-more"])
    assert redactor.text("it is password-and-more.") == f"it is {REDACTED}."


def test_short_values_are_left_alone() -> None:
    assert Redactor(["true", "1234567", ""]).text("true 1234567") == "true 1234567"


def test_every_text_of_a_value_is_redacted_keys_too() -> None:
    redactor = Redactor(["planted-secret"])
    value = {"a": ["planted-secret", 1, None, True], "planted-secret": {"b": ("x planted-secret",)}}

    assert redactor.value(value) == {
        "a": [REDACTED, 1, None, True],
        REDACTED: {"b": [f"x {REDACTED}"]},
    }
    assert redactor.value(ValueError("planted-secret")) == REDACTED


def test_a_value_without_secrets_is_the_same_one() -> None:
    value = {"a": ["x", 1, None], "key": "short", "token": ["abcdefgh", {"sk": "-"}]}
    assert Redactor(["planted-secret"]).value(value) is value


def test_a_secret_is_found_wherever_in_a_value_it_stands() -> None:
    token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
    for value in (token, [token], {"a": f"x\n{token}"}, {token: 1}, ["a", [{"b": (token,)}]]):
        assert token not in json.dumps(Redactor().value(value))


def test_a_value_that_is_too_deep_is_taken_out_whole() -> None:
    value: object = "planted"
    for _ in range(100):
        value = [value]
    assert "planted" not in json.dumps(Redactor().value(value))


def test_variables_are_secret_by_their_names() -> None:
    environment = {
        "ANTHROPIC_API_KEY": "1",
        "gh_token": "2",
        "DB_PASSWORD": "3",
        "SENTRY_DSN": "4",
        "PATH": "5",
        "EDITOR": "6",
    }
    assert secrets_of_environment(environment) == ["1", "2", "3", "4"]


def test_what_a_session_was_handed_is_secret() -> None:
    options = {
        "command": "agent",
        "mcpServers": {
            "a": {"url": "http://x", "headers": {"X-Any": "1"}, "env": {"FREE": "2"}},
            "b": {"headers": [{"name": "Y", "value": "3"}], "bearerTokenEnv": "4"},
            "c": {"command": "c", "args": ["--port", "80", "--api-key", "6", "--token=7", "-p"]},
        },
    }
    found = secrets_of_session({"FREE": "5", "HOME": "/home/me", "GONE": None}, options)

    assert {"1", "2", "3", "4", "5", "6", "7"} <= set(found)
    assert not {"agent", "http://x", "/home/me", "80", "-p"} & set(found)


HOSTILE = [
    "token" * 40_000,
    "eyJ" * 60_000,
    "eyJaaaaaaaa." * 15_000,
    "sk-" * 60_000,
    "://" * 60_000,
    "://a" * 50_000,
    "bearer " * 30_000,
    "bearer" + " " * 200_000,
    "-----BEGIN PRIVATE KEY-----" * 7_000,
    "-----END PRIVATE KEY-----" * 7_000,
    "-----BEGIN PRIVATE KEY" * 9_000,
    "a_b_c_key" * 20_000,
    "key" + " " * 200_000,
    'token"' * 30_000,
    "--token" * 30_000,
    "token " + "--" * 100_000,
    "token" + " --" * 60_000,
    "--a-token " * 20_000,
    "token" + "\\" * 200_000,
    "password = " * 20_000,
    "x" * 200_000,
    "akia" * 50_000,
]


@pytest.mark.parametrize("known", [20, 2_000])
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:16])
def test_time_grows_with_the_text_and_not_with_its_square(text: str, known: int) -> None:
    redactor = Redactor([f"known-secret-{n}" for n in range(known)])

    def cpu_s(sample: str) -> float:
        spent = []
        for _ in range(3):
            began = time.process_time()
            redactor.text(sample)
            spent.append(time.process_time() - began)
        return min(spent)

    small, large = cpu_s(text[: len(text) // 16]), cpu_s(text)
    assert large < 64 * max(small, 0.002)  # 16 times the text; its square would be 256 times


OTHERS = [f"{n:06}-of-so-many" for n in range(FEW)]
"""So many that each is not looked for by itself any more."""


@given(st.text(), st.text(min_size=8, max_size=40).map(str.strip).filter(lambda s: len(s) >= 8))
@settings(deadline=None)
def test_a_known_value_never_stands_in_what_comes_out(text: str, secret: str) -> None:
    for others in ([], OTHERS):
        cleaned = Redactor([secret, *others]).text(f"{text}{secret}{text}")
        assert secret not in cleaned or secret in REDACTED
