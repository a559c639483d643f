import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RecursiveTask;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.RejectedExecutionHandler;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Java's pools, put through the workloads of harness.h: same arguments, same line of output.
 *
 * java-put:       ThreadPoolExecutor, ArrayBlockingQueue of 1024; a submitter waits at the limit.
 * java-abort:     the same, but at the limit it refuses, by an exception.
 * java-fork-join: ForkJoinPool, for tasks that wait for tasks.
 *
 * The compiler works at run time, so each workload runs some times before the one that counts.
 */
final class Pools {
    private static final int BACKLOG = 1024, OUTSTANDING = 10000;

    /** A counter that shares its cache line with nothing that is written. */
    private static final class Count extends AtomicLong {
        private static final long serialVersionUID = 1;
        long before1, before2, before3, before4, before5, before6, before7, before8;
    }

    private static final Count ended = new Count();
    private static volatile long expected;
    private static volatile CountDownLatch allEnded;
    private static volatile long lastEnded;
    private static long spins;
    private static volatile long sink;

    private static long spin(long count) {
        long x = count;
        for (long i = 0; i < count; i++) {
            x = x * 2862933555777941757L + 3037000493L;
        }
        return x;
    }

    /** How many spins take so long. */
    private static long spinsOf(long taskNs) {
        final long tries = 300, each = 100000;
        long fastest = Long.MAX_VALUE;
        for (int i = 0; i < tries; i++) {
            long began = System.nanoTime();
            sink += spin(each);
            fastest = Math.min(fastest, System.nanoTime() - began);
        }
        return taskNs * each / fastest;
    }

    private static void task() {
        if (spins != 0 && spin(spins) == 0) {
            sink++;
        }
        if (ended.incrementAndGet() == expected) {
            lastEnded = System.nanoTime();
            allEnded.countDown();
        }
    }

    private static final Runnable TASK = Pools::task;

    private static void expect(long tasks) {
        allEnded = new CountDownLatch(1);
        ended.set(0);
        expected = tasks;
    }

    private interface Body {
        void run(int index) throws Exception;
    }

    /** Run the body in so many threads that begin together; returns when they began. */
    private static long inThreads(int count, Body body) throws Exception {
        CyclicBarrier gate = new CyclicBarrier(count + 1);
        Thread[] threads = new Thread[count];
        for (int i = 0; i < count; i++) {
            int index = i;
            threads[i] = new Thread(() -> {
                try {
                    gate.await();
                    body.run(index);
                } catch (Exception failure) {
                    failure.printStackTrace();
                    System.exit(1);
                }
            });
            threads[i].start();
        }
        Thread.sleep(20);
        long began = System.nanoTime();
        gate.await();
        for (Thread thread : threads) {
            thread.join();
        }
        return began;
    }

    private static long post(ThreadPoolExecutor pool, int producers, long n) throws Exception {
        expect(n);
        long began = inThreads(producers, index -> {
            long share = n / producers + (index < n % producers ? 1 : 0);
            for (long i = 0; i < share; i++) {
                pool.execute(TASK);
            }
        });
        allEnded.await();
        return lastEnded - began;
    }

    private static long future(ThreadPoolExecutor pool, long n) throws Exception {
        Future<?>[] futures = new Future<?>[OUTSTANDING];
        long sum = 0, shouldBe = 0, began = System.nanoTime();
        for (long left = n; left > 0; left -= OUTSTANDING) {
            int count = (int) Math.min(left, OUTSTANDING);
            for (int i = 0; i < count; i++) {
                long value = i % 1024;
                Callable<Long> call = () -> {
                    ended.incrementAndGet();
                    return value;
                };
                futures[i] = pool.submit(call);
            }
            for (int i = 0; i < count; i++) {
                sum += (Long) futures[i].get();
            }
        }
        long elapsed = System.nanoTime() - began;
        for (long i = 0; i < n; i++) {
            shouldBe += i % OUTSTANDING % 1024;
        }
        if (sum != shouldBe) {
            throw new IllegalStateException("the results sum up to " + sum);
        }
        return elapsed;
    }

    private static long[] pingpong(ThreadPoolExecutor pool, int n) throws Exception {
        long[] samples = new long[n];
        Callable<Long> call = () -> {
            ended.incrementAndGet();
            return 1L;
        };
        long then = System.nanoTime();
        for (int i = 0; i < n; i++) {
            pool.submit(call).get();
            long now = System.nanoTime();
            samples[i] = now - then;
            then = now;
        }
        return samples;
    }

    /** Nanoseconds; offers accepted and refused; nanoseconds in refusals. */
    private static final class Offers {
        long elapsed, accepted, refused, inRefusals;
    }

    private static boolean offer(ThreadPoolExecutor pool) {
        try {
            pool.execute(TASK);
            return true;
        } catch (RejectedExecutionException refusal) {
            return false;
        }
    }

    private static void offerFor(ThreadPoolExecutor pool, long runNs, boolean all, Offers mine) {
        long began = System.nanoTime(), now = began;
        while (now - began < runNs) {
            if (all) { /* the clock is read once in many */
                for (int i = 0; i < 256; i++) {
                    if (offer(pool)) {
                        mine.accepted++;
                    } else {
                        mine.refused++;
                    }
                }
                long after = System.nanoTime();
                mine.inRefusals += after - now;
                now = after;
                continue;
            }
            boolean accepted = offer(pool);
            long after = System.nanoTime();
            if (accepted) {
                mine.accepted++;
            } else {
                mine.refused++;
                mine.inRefusals += after - now;
            }
            now = after;
        }
    }

    private static Offers offers(ThreadPoolExecutor pool, int producers, long runNs, boolean all)
            throws Exception {
        CountDownLatch hold = new CountDownLatch(1);
        Offers[] each = new Offers[producers];
        Offers sum = new Offers();
        expect(Long.MAX_VALUE);
        if (all) {
            for (int i = 0; i < pool.getCorePoolSize(); i++) {
                pool.execute(() -> {
                    try {
                        hold.await();
                    } catch (InterruptedException stopped) {
                        Thread.currentThread().interrupt();
                    }
                });
            }
            Thread.sleep(20);
            while (offer(pool)) { /* fill it */
            }
        }
        long began = inThreads(producers, index -> {
            Offers mine = new Offers();
            offerFor(pool, runNs, all, mine);
            each[index] = mine;
        });
        sum.elapsed = System.nanoTime() - began;
        for (Offers one : each) {
            sum.accepted += one.accepted;
            sum.refused += one.refused;
            sum.inRefusals += one.inRefusals;
        }
        hold.countDown();
        return sum;
    }

    private static final class Fibonacci extends RecursiveTask<Long> {
        private static final long serialVersionUID = 1;
        private final int n;

        Fibonacci(int n) {
            this.n = n;
        }

        @Override
        protected Long compute() {
            if (n < 2) {
                return (long) n;
            }
            Fibonacci first = new Fibonacci(n - 1);
            first.fork();
            long second = new Fibonacci(n - 2).compute();
            return first.join() + second;
        }
    }

    private static long fibonacci(int n) {
        long current = 0, next = 1;
        for (; n > 0; n--) {
            long after = current + next;
            current = next;
            next = after;
        }
        return current;
    }

    private static long nested(ForkJoinPool pool, int n) {
        long began = System.nanoTime();
        if (pool.invoke(new Fibonacci(n)) != fibonacci(n)) {
            throw new IllegalStateException("no Fibonacci number");
        }
        return System.nanoTime() - began;
    }

    private static ThreadPoolExecutor pool(String name, int workers) {
        RejectedExecutionHandler put = (task, pool) -> {
            try {
                pool.getQueue().put(task);
            } catch (InterruptedException stopped) {
                throw new RejectedExecutionException(stopped);
            }
        };
        ThreadPoolExecutor pool = new ThreadPoolExecutor(workers, workers, 0, TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(BACKLOG),
                name.equals("java-put") ? put : new ThreadPoolExecutor.AbortPolicy());
        pool.prestartAllCoreThreads();
        return pool;
    }

    private static void settle(ThreadPoolExecutor pool) throws InterruptedException {
        while (pool.getActiveCount() > 0 || !pool.getQueue().isEmpty()) {
            Thread.sleep(1);
        }
        System.gc();
        Thread.sleep(50);
    }

    private static String name, workload;
    private static int workers, producers;
    private static long n, argument;

    private static void print(long operations, long elapsed, String extra) {
        System.out.printf("peer=%s workload=%s workers=%d producers=%d n=%d seconds=%.6f"
                + " ops_per_s=%.0f%s%n", name, workload, workers, producers, operations,
                elapsed / 1e9, operations / (elapsed / 1e9), extra);
    }

    private static void skip(String reason) {
        System.out.printf("peer=%s workload=%s skipped: %s%n", name, workload, reason);
        System.exit(3);
    }

    private static void runPost(ThreadPoolExecutor pool) throws Exception {
        if (workload.equals("work")) {
            post(pool, producers, 200000);
            spins = spinsOf(argument);
        }
        for (int i = 0; i < 3; i++) {
            post(pool, producers, n);
        }
        settle(pool);
        long elapsed = post(pool, producers, n);
        print(n, elapsed, argument == 0 ? "" : String.format(" task_ns=%d efficiency=%.4f", argument,
                (double) n * argument / ((double) workers * elapsed)));
    }

    private static void runFuture(ThreadPoolExecutor pool) throws Exception {
        for (int i = 0; i < 3; i++) {
            future(pool, n);
        }
        settle(pool);
        print(n, future(pool, n), "");
    }

    private static void runPingpong(ThreadPoolExecutor pool) throws Exception {
        for (int i = 0; i < 2; i++) {
            pingpong(pool, 20000);
        }
        settle(pool);
        long began = System.nanoTime();
        long[] samples = pingpong(pool, (int) n);
        long elapsed = System.nanoTime() - began;
        Arrays.sort(samples);
        print(n, elapsed, String.format(" p50_ns=%d p99_ns=%d p999_ns=%d", samples[(int) (n / 2)],
                samples[(int) (n * 99 / 100)], samples[(int) (n * 999 / 1000)]));
    }

    private static void runOffers(ThreadPoolExecutor pool) throws Exception {
        boolean all = workload.equals("reject");
        spins = argument == 0 ? 0 : spinsOf(argument);
        offers(pool, producers, 500000000L, all);
        settle(pool);
        Offers sum = offers(pool, producers, 500000000L, all);
        double seconds = sum.elapsed / 1e9;
        print(sum.accepted + sum.refused, sum.elapsed, String.format(
                " task_ns=%d accepted_per_s=%.0f rejected_per_s=%.0f ns_per_reject=%.1f", argument,
                sum.accepted / seconds, sum.refused / seconds,
                sum.refused == 0 ? 0.0 : (double) sum.inRefusals / sum.refused));
    }

    private static void runNested() {
        ForkJoinPool pool = new ForkJoinPool(workers);
        for (int i = 0; i < 3; i++) {
            nested(pool, (int) n);
        }
        print(fibonacci((int) n + 1) - 1, nested(pool, (int) n), " fibonacci=" + n);
        pool.shutdown();
    }

    public static void main(String[] arguments) throws Exception {
        name = arguments[0];
        workload = arguments[1];
        workers = Integer.parseInt(arguments[2]);
        producers = Integer.parseInt(arguments[3]);
        n = Long.parseLong(arguments[4]);
        argument = arguments.length > 5 ? Long.parseLong(arguments[5]) : 0;
        boolean offers = workload.equals("bounded") || workload.equals("reject");
        if (name.equals("java-fork-join") != workload.equals("nested")) {
            skip("is there for other workloads");
        }
        if (workload.equals("nested")) {
            runNested();
            return;
        }
        if (offers != name.equals("java-abort")) {
            skip("is there for other workloads");
        }
        ThreadPoolExecutor pool = pool(name, workers);
        switch (workload) {
            case "post":
            case "work":
                runPost(pool);
                break;
            case "future":
                runFuture(pool);
                break;
            case "pingpong":
                runPingpong(pool);
                break;
            case "bounded":
            case "reject":
                runOffers(pool);
                break;
            default:
                skip("has no such workload");
        }
        pool.shutdown();
    }
}
