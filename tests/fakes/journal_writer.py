"""Writes a journal until it is killed: `journal_writer.py PATH SEED`.

Each append is a group of random size whose bodies follow from seq and group alone, so that whoever
opens the journal afterwards knows what must stand there. Once a group is committed, its last seq is
printed. Checkpoints come often, so that some kills fall into one.
"""

import asyncio
import random
import sys
from pathlib import Path

import msgspec

from sidecar.journal import Journal, Row, checkpoint

WAITING_EVENTS = 200


def body(seq: int, first: int, last: int) -> bytes:
    """Return what event `seq` of the group first … last must say."""
    filling = random.Random(seq).randbytes(seq * 37 % 3_000)
    return msgspec.msgpack.encode([seq, first, last, filling])


async def main(path: Path, seed: int) -> None:
    """Append for ever."""
    chance = random.Random(seed)
    checkpoint.CHECKPOINT_BYTES = 64 * 1024
    checkpoint.WAL_BYTES = 512 * 1024
    journal = Journal.open(path)
    await journal.start()
    journal.subscribe(lambda head: print(head, flush=True))
    print(journal.head, flush=True)
    while True:
        first = journal.appended + 1
        last = first + chance.randrange(8)
        journal.append(
            [Row(f"t{seq % 3}", body(seq, first, last)) for seq in range(first, last + 1)]
        )
        if journal.appended - journal.head > WAITING_EVENTS:
            await journal.committed(journal.appended - WAITING_EVENTS // 2)
        elif chance.random() < 0.1:
            await journal.save_snapshot(journal.appended, str(journal.appended).encode())
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
