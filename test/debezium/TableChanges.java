import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.io.FileInputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Debezium as it is shipped, embedded: `TableChanges <properties> [<kafka bootstrap>]`. Says each change as a line of its
 * destination, key and value, separated by tabs (null: no value), once it is in Kafka, where there is one.
 */
public final class TableChanges {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    try (FileInputStream file = new FileInputStream(args[0])) {
      properties.load(file);
    }
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    KafkaProducer<String, String> producer = args.length > 1 ? producer(args[1]) : null;
    DebeziumEngine<ChangeEvent<String, String>> engine =
        DebeziumEngine.create(Json.class)
            .using(properties)
            .using((success, message, error) -> out.println("ended\t" + message + "\t" + error))
            .notifying(
                (changes, committer) -> {
                  if (producer != null) send(producer, changes);
                  for (ChangeEvent<String, String> change : changes) {
                    out.println(change.destination() + "\t" + change.key() + "\t" + change.value());
                    committer.markProcessed(change);
                  }
                  committer.markBatchFinished();
                })
            .build();
    Executors.newSingleThreadExecutor().execute(engine);
    // Ends with whoever started it.
    while (System.in.read() >= 0) {}
    engine.close();
    if (producer != null) producer.close();
    System.exit(0);
  }

  /** Ends the process where Kafka has not taken one: a change that is told, or behind which Debezium goes on, is there. */
  private static void send(
      KafkaProducer<String, String> producer, List<ChangeEvent<String, String>> changes)
      throws InterruptedException {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (ChangeEvent<String, String> change : changes)
      sent.add(producer.send(new ProducerRecord<>(change.destination(), change.key(), change.value())));
    producer.flush();
    try {
      for (Future<RecordMetadata> each : sent) each.get();
    } catch (ExecutionException failed) {
      System.err.println("Kafka has not taken a change: " + failed.getCause());
      // Not `exit`: what closes the engine would wait for this very thread.
      Runtime.getRuntime().halt(1);
    }
  }

  private static KafkaProducer<String, String> producer(String bootstrap) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("enable.idempotence", "true");
    return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
  }
}
