"""How processes that torchrun begins again find each other, and not those that died.

torchrun's own store outlives the processes, and with it the addresses that they have left there: who reads one of these
calls a port where nobody listens. torchrun's count of restarts tells nobody which are old, because each machine counts
for itself. So the first process takes a new name for the meeting, and tells it to those who ask now.
"""

from __future__ import annotations

import time
import uuid

from torch._C._distributed_c10d import PrefixStore, Store

POLL = 0.02  # seconds between two looks of the first process


def meet(store: Store, rank: int, of: int) -> Store:
    """Return a part of ``store`` that only the ``of`` processes that are there now write to.

    Every process calls it with its own ``rank``. A question is new each time, and the first process answers until all
    have heard it; so a question or an answer of a process that died is never taken for one of now. TimeoutError or
    torch's DistStoreError when not all come within the store's timeout.
    """
    if rank > 0:
        return PrefixStore(_ask(store, rank), store)
    name = f"meeting/{uuid.uuid4().hex}"
    until = time.monotonic() + store.timeout.total_seconds()  # type: ignore[attr-defined]
    missing = set(range(1, of))
    while missing:
        for other in [*missing]:
            if store.check([f"{name}/heard/{other}"]):
                missing.discard(other)
            elif store.check([f"asks/{other}"]):
                store.set(f"answer/{store.get(f'asks/{other}').decode()}", name)
        if missing and time.monotonic() > until:
            raise TimeoutError(f"{len(missing)} of {of} processes have not come")
        time.sleep(POLL if missing else 0.0)
    return PrefixStore(name, store)


def _ask(store: Store, rank: int) -> str:
    question = uuid.uuid4().hex
    store.set(f"asks/{rank}", question)
    name = str(store.get(f"answer/{question}").decode())
    store.set(f"{name}/heard/{rank}", "")
    return name
