import com.rabbitmq.stream.Environment;
import com.rabbitmq.stream.Producer;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.LongAdder;
import org.HdrHistogram.ConcurrentHistogram;

/**
 * A closed loop for RabbitMQ streams: each producer has a connection of its own and keeps so many messages unconfirmed, sent
 * `batch` at a time. Prints one line of JSON: messages confirmed in the measured window, latencies from send to confirmation,
 * CPU seconds of the server.
 *
 * Arguments: port streams connections in-flight batch bytes warm-up-seconds seconds server-pid
 */
public class StreamLoad {
  private static volatile boolean measuring = false;
  private static volatile boolean over = false;
  private static final LongAdder confirmed = new LongAdder();
  private static final LongAdder refused = new LongAdder();
  private static final ConcurrentHistogram latency = new ConcurrentHistogram(3);

  public static void main(String[] words) throws Exception {
    int at = 0;
    int port = Integer.parseInt(words[at++]);
    int streams = Integer.parseInt(words[at++]);
    int connections = Integer.parseInt(words[at++]);
    int inFlight = Integer.parseInt(words[at++]);
    int batch = Integer.parseInt(words[at++]);
    byte[] body = new byte[Integer.parseInt(words[at++])];
    double warmup = Double.parseDouble(words[at++]);
    double seconds = Double.parseDouble(words[at++]);
    Path tasks = Path.of("/proc", words[at++], "task");
    new Random(1).nextBytes(body);

    Environment environment = Environment.builder().host("127.0.0.1").port(port).maxProducersByConnection(1).build();
    for (int i = 0; i < streams; ++i) environment.streamCreator().stream("log-" + i).create();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < connections; ++i) {
      Producer producer = environment.producerBuilder().stream("log-" + i % streams).batchSize(batch).dynamicBatch(false)
          .batchPublishingDelay(Duration.ofMillis(1)).maxUnconfirmedMessages(inFlight * batch)
          .enqueueTimeout(Duration.ZERO).build();
      Thread thread = new Thread(() -> send(producer, body));
      thread.setDaemon(true);
      threads.add(thread);
    }
    for (Thread thread : threads) thread.start();

    Thread.sleep((long) (warmup * 1000));
    long cpu = cpuNanos(tasks);
    long begin = System.nanoTime();
    measuring = true;
    Thread.sleep((long) (seconds * 1000));
    measuring = false;
    double took = (System.nanoTime() - begin) / 1e9;
    cpu = cpuNanos(tasks) - cpu;
    over = true;
    if (refused.sum() > 0) throw new IllegalStateException(refused.sum() + " messages were not confirmed");
    System.out.printf("{\"messages\": %d, \"seconds\": %.6f, \"server_cpu_s\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
        + "\"p999_us\": %.1f}%n", confirmed.sum(), took, cpu / 1e9, latency.getValueAtPercentile(50) / 1e3,
        latency.getValueAtPercentile(99) / 1e3, latency.getValueAtPercentile(99.9) / 1e3);
    System.out.flush();
    // Closing waits for what is unconfirmed; the server is stopped next anyway.
    Runtime.getRuntime().halt(0);
  }

  private static void send(Producer producer, byte[] body) {
    while (!over) {
      long since = System.nanoTime();
      producer.send(producer.messageBuilder().addData(body).build(), status -> {
        if (!status.isConfirmed()) {
          refused.increment();
        } else if (measuring) {
          confirmed.increment();
          latency.recordValue(System.nanoTime() - since);
        }
      });
    }
  }

  /** The scheduler's count for all threads of a process. */
  private static long cpuNanos(Path tasks) throws IOException {
    long sum = 0;
    try (DirectoryStream<Path> found = Files.newDirectoryStream(tasks)) {
      for (Path task : found) {
        try {
          sum += Long.parseLong(Files.readString(task.resolve("schedstat")).split(" ")[0]);
        } catch (NoSuchFileException ended) {
          continue;
        }
      }
    }
    return sum;
  }
}
