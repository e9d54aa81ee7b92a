// Writes topics with Kafka's own client, and prints what it wrote: one line for each record,
//   partition TAB offset TAB timestamp TAB key TAB value TAB name=value,name=value
// with \N for null. Every codec, idempotent and transactional batches, an aborted transaction,
// headers, null keys, tombstones.
//
//   java -cp "LIBS/*" WriteTopics.java HOST:PORT TOPIC
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;

public class WriteTopics {
  private static final long FIRST_TIME = 1_700_000_000_000L;
  private final String bootstrap;
  private final String topic;
  private final List<ProducerRecord<String, String>> sent = new ArrayList<>();
  private final List<Future<RecordMetadata>> answers = new ArrayList<>();

  private WriteTopics(String bootstrap, String topic) {
    this.bootstrap = bootstrap;
    this.topic = topic;
  }

  public static void main(String[] args) throws Exception {
    WriteTopics writer = new WriteTopics(args[0], args[1]);
    writer.create();
    for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
      writer.write(codec);
    }
    writer.writeTransactions();
    writer.print();
  }

  private void create() throws Exception {
    try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
      // The records are of long ago: where this takes half a minute, retention would take them.
      NewTopic made = new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "-1"));
      admin.createTopics(List.of(made)).all().get();
    }
  }

  private KafkaProducer<String, String> producer(String codec, String transactionalId) {
    Properties with = new Properties();
    with.put("bootstrap.servers", bootstrap);
    with.put("compression.type", codec);
    with.put("enable.idempotence", "true");
    with.put("linger.ms", "20");
    with.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    with.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    if (transactionalId != null) {
      with.put("transactional.id", transactionalId);
    }
    return new KafkaProducer<>(with);
  }

  private void send(KafkaProducer<String, String> to, String key, String value) {
    long time = FIRST_TIME + sent.size() * 1000L;
    ProducerRecord<String, String> record = new ProducerRecord<>(topic, 0, time, key, value);
    if (sent.size() % 3 == 0) {
      record.headers().add("trace", ("t" + sent.size()).getBytes());
      record.headers().add("empty", new byte[0]);
    }
    sent.add(record);
    answers.add(to.send(record));
  }

  private void write(String codec) {
    try (KafkaProducer<String, String> to = producer(codec, null)) {
      for (int batch = 0; batch < 3; ++batch) {
        for (int i = 0; i < 8; ++i) {
          send(to, i % 4 == 3 ? null : "key-" + i, i % 5 == 4 ? null : codec + "-value-".repeat(i) + i);
        }
        to.flush();
      }
    }
  }

  private void writeTransactions() {
    try (KafkaProducer<String, String> to = producer("zstd", "writer-of-" + topic)) {
      to.initTransactions();
      for (int transaction = 0; transaction < 4; ++transaction) {
        to.beginTransaction();
        for (int i = 0; i < 5; ++i) {
          send(to, "t" + transaction, "transaction-" + transaction + "-" + i);
        }
        to.flush();
        if (transaction % 2 == 0) {
          to.commitTransaction();
        } else {
          to.abortTransaction();
        }
      }
    }
  }

  private void print() throws Exception {
    for (int i = 0; i < sent.size(); ++i) {
      ProducerRecord<String, String> record = sent.get(i);
      StringBuilder headers = new StringBuilder();
      for (Header header : record.headers()) {
        headers.append(headers.length() > 0 ? "," : "");
        headers.append(header.key()).append('=').append(new String(header.value()));
      }
      System.out.println(String.join("\t", Integer.toString(answers.get(i).get().partition()),
          Long.toString(answers.get(i).get().offset()), record.timestamp().toString(),
          record.key() == null ? "\\N" : record.key(),
          record.value() == null ? "\\N" : record.value(), headers));
    }
  }
}
