"""Python's pools of processes, put through the workloads of harness.h: same arguments, same line of
output.

python-executor: concurrent.futures.ProcessPoolExecutor.
python-pool:     multiprocessing.Pool, one task a chunk.
"""

import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

OUTSTANDING = 10000


def value(i):
    return i % 1024


def echo(data):
    return data


class Executor:
    def __init__(self, workers):
        self.pool = ProcessPoolExecutor(workers)

    def submit(self, function, argument):
        return self.pool.submit(function, argument)

    def take(self, future):
        return future.result()

    def stop(self):
        self.pool.shutdown()


class Pool:
    def __init__(self, workers):
        self.pool = multiprocessing.Pool(workers)

    def submit(self, function, argument):
        return self.pool.apply_async(function, (argument,))

    def take(self, future):
        return future.get()

    def stop(self):
        self.pool.close()
        self.pool.join()


KINDS = {"python-executor": Executor, "python-pool": Pool}


def many(pool, n):
    total = 0
    for begin in range(0, n, OUTSTANDING):
        futures = [pool.submit(value, i) for i in range(min(OUTSTANDING, n - begin))]
        total += sum(map(pool.take, futures))
    if total != sum(value(i % OUTSTANDING) for i in range(n)):
        sys.exit("the results sum up to %d" % total)


def time_each(n, once):
    samples = []
    then = time.monotonic_ns()
    for _ in range(n):
        once()
        now = time.monotonic_ns()
        samples.append(now - then)
        then = now
    return samples


def percentiles(samples):
    samples = sorted(samples)
    n = len(samples)
    return " p50_ns=%d p99_ns=%d p999_ns=%d" % (
        samples[n // 2],
        samples[n * 99 // 100],
        samples[n * 999 // 1000],
    )


def main():
    name, workload = sys.argv[1:3]
    workers, producers, n = map(int, sys.argv[3:6])
    argument = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    make = KINDS[name]

    def report(elapsed_ns, extra=""):
        seconds = elapsed_ns / 1e9
        print(
            "peer=%s workload=%s workers=%d producers=%d n=%d seconds=%.6f ops_per_s=%.0f%s"
            % (name, workload, workers, producers, n, seconds, n / seconds, extra)
        )

    if workload == "start":
        memory = bytearray(b"1") * (argument << 20)

        def begin_and_end():
            pool = make(workers)
            pool.take(pool.submit(value, 1))
            pool.stop()

        begin_and_end()
        samples = time_each(n, begin_and_end)
        report(sum(samples), percentiles(samples))
        del memory
        return 0
    if workload not in ("process", "roundtrip", "payload"):
        print("peer=%s workload=%s skipped: has no such workload" % (name, workload))
        return 3
    pool = make(workers)
    many(pool, 1000)
    if workload == "process":
        began = time.monotonic_ns()
        many(pool, n)
        report(time.monotonic_ns() - began)
    else:
        function = value if workload == "roundtrip" else echo
        sent = 1 if workload == "roundtrip" else bytes(argument)
        for _ in range(n // 10 + 3):
            pool.take(pool.submit(function, sent))
        samples = time_each(n, lambda: pool.take(pool.submit(function, sent)))
        report(sum(samples), percentiles(samples) + (" bytes=%d" % argument if argument else ""))
    pool.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
