import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A peer (peers/README.md) around Kafka's own Java client. Its values hold nothing that JSON would have to escape. */
class Peer {
    static final String END = "";

    static void say(String word, String json) {
        System.out.println("{\"" + word + "\": " + json + "}");
        System.out.flush();
    }

    static void produce(String address, String topic) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", address);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            var input = new BufferedReader(new InputStreamReader(System.in));
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                List<Future<?>> sent = new ArrayList<>();
                for (String quoted : line.replaceAll("[\\[\\]\\s]", "").split(",")) {
                    String value = quoted.substring(1, quoted.length() - 1);
                    sent.add(producer.send(new ProducerRecord<>(topic, value, value)));
                }
                for (Future<?> one : sent) one.get();
                say("acked", String.valueOf(sent.size()));
            }
        }
    }

    static BlockingQueue<String> asked() {
        var lines = new LinkedBlockingQueue<String>();
        var reader = new Thread(() -> {
            new BufferedReader(new InputStreamReader(System.in)).lines().forEach(line -> lines.add(line + "."));
            lines.add(END);
        });
        reader.setDaemon(true);
        reader.start();
        return lines;
    }

    static String one(ConsumerRecord<String, String> record) {
        return "[" + record.partition() + "," + record.offset() + ",\"" + record.value() + "\"]";
    }

    static void consume(String address, String topic, String group) {
        Map<String, Object> settings = Map.of("bootstrap.servers", address, "group.id", group, "auto.offset.reset", "earliest");
        var asked = asked();
        Set<Integer> said = null;
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (true) {
                List<String> got = new ArrayList<>();
                consumer.poll(Duration.ofMillis(100)).forEach(record -> got.add(one(record)));
                if (!got.isEmpty()) say("got", got.toString());
                var assigned = new TreeSet<>(consumer.assignment().stream().map(TopicPartition::partition).toList());
                if (!assigned.equals(said)) say("assigned", assigned.toString());
                said = assigned;
                String line = asked.poll();
                if (line == null) continue;
                if (line.equals(END)) break;
                consumer.commitSync();
                say("committed", consumer.committed(consumer.assignment()).entrySet().stream()
                    .map(entry -> "[" + entry.getKey().partition() + "," + entry.getValue().offset() + "]")
                    .collect(Collectors.joining(",", "[", "]")));
            }
        }
    }

    public static void main(String[] words) throws Exception {
        if (words[0].equals("produce")) {
            produce(words[1], words[2]);
        } else {
            consume(words[1], words[2], words[3]);
        }
    }
}
