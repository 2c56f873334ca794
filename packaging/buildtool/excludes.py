"""What stays out of the frozen binary, and why. Read by the PyInstaller spec.

A module may stand here only if nothing in sidecar imports it: tests/packaging holds that, and the
frozen selftest uses everything that a missing module could break. Measured in packaging/README.md.
"""

from collections.abc import Mapping

EXCLUDED: Mapping[str, tuple[str, ...]] = {
    "TLS: the bridge is 127.0.0.1 alone; its import also costs 45 ms and 7 MB of memory": (
        "ssl",
        "_ssl",
    ),
    "OpenSSL's hashes drag libcrypto in; hashlib and hmac fall back to CPython's own": (
        "_hashlib",
    ),
    "the C version is C++ and drags libstdc++ in; the Python one is as fast here": (
        "frozenlist._frozenlist",
    ),
    "an event loop written for servers; aiohttp would drag it in when it is installed": ("uvloop",),
    "consoles, debuggers and test runners that the standard library imports on demand": (
        "_curses",
        "_pyrepl",
        "bdb",
        "cmd",
        "code",
        "codeop",
        "curses",
        "doctest",
        "pdb",
        "pydoc",
        "readline",
        "rlcompleter",
        "test",
        "tkinter",
        "turtle",
        "unittest",
    ),
    "tools of the build environment": (
        "PyInstaller",
        "_distutils_hack",
        "_pytest",
        "distutils",
        "hypothesis",
        "mypy",
        "packaging",
        "pip",
        "pkg_resources",
        "pygments",
        "pytest",
        "setuptools",
        "wheel",
    ),
    "processes are started by subcommand; multiprocessing's spawn would re-run the app": (
        "_multiprocessing",
        "concurrent.futures.process",
        "multiprocessing",
    ),
    "XML, mail sending and FTP, imported on demand by urllib, logging and plistlib": (
        "ftplib",
        "pyexpat",
        "smtplib",
        "xml",
        "xmlrpc",
    ),
    "Python versions of modules whose C version is in the binary": ("_pydatetime", "_pydecimal"),
    "compression that zipfile and shutil offer on demand; the sidecar uses zlib": (
        "_bz2",
        "_lzma",
        "bz2",
        "lzma",
    ),
    "East Asian code pages: everything is UTF-8, also the file system (-X utf8 in the spec)": (
        "_codecs_cn",
        "_codecs_hk",
        "_codecs_iso2022",
        "_codecs_jp",
        "_codecs_kr",
        "_codecs_tw",
        "_multibytecodec",
    ),
}
"""Reason → modules."""


def excluded_modules() -> list[str]:
    """Return every excluded module's name, sorted."""
    return sorted(name for names in EXCLUDED.values() for name in names)
