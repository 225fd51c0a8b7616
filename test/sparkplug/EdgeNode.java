// An edge node on Eclipse Tahu's EdgeClient, with one device, aliases and a primary host: `EdgeNode PORT HOST GROUP NODE`.
// Reads commands from stdin, a line each: `load N`, `temperature N`, `historical N AGE_MS`, `skip` (uses up a sequence
// number), `device-death`, `quit` (a clean end), `die` (the process is gone, the broker publishes the will).
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Date;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.tahu.edge.EdgeClient;
import org.eclipse.tahu.edge.api.MetricHandler;
import org.eclipse.tahu.message.SparkplugBPayloadDecoder;
import org.eclipse.tahu.message.SparkplugBPayloadEncoder;
import org.eclipse.tahu.message.model.*;
import org.eclipse.tahu.message.model.Metric.MetricBuilder;
import org.eclipse.tahu.message.model.SparkplugBPayloadMap.SparkplugBPayloadMapBuilder;
import org.eclipse.tahu.model.MetricDataTypeMap;
import org.eclipse.tahu.model.MqttServerDefinition;
import org.eclipse.tahu.mqtt.*;

public class EdgeNode implements MetricHandler, ClientCallback {
  static final String LOAD = "Load";
  static final String TEMPERATURE = "Motor/drive/Temperature";
  static final String DEVICE = "m1";

  final EdgeNodeDescriptor descriptor;
  final String hostId;
  final EdgeClient client;
  // Paho's own thread must not publish and wait.
  final ExecutorService calls = Executors.newSingleThreadExecutor();
  volatile int load = 50;
  volatile float temperature = 20;
  long bdSeq = -1;

  EdgeNode(String port, String hostId, String group, String node) throws Exception {
    this.hostId = hostId;
    descriptor = new EdgeNodeDescriptor(group, node);
    MqttServerDefinition server = new MqttServerDefinition(new MqttServerName("broker"), new MqttClientId(node, false),
        new MqttServerUrl("tcp://127.0.0.1:" + port), null, null, 10, null);
    client = new EdgeClient(this, descriptor, List.of(DEVICE), hostId, true, 100L, List.of(server), this, null);
  }

  public static void main(String[] args) throws Exception {
    EdgeNode node = new EdgeNode(args[0], args[1], args[2], args[3]);
    Thread thread = new Thread(node.client);
    thread.setDaemon(true);
    thread.start();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.trim().split(" ");
      node.calls.submit(() -> node.run(words)).get();
      System.out.println("done " + line);
    }
    System.exit(0);
  }

  void run(String[] words) {
    try {
      switch (words[0]) {
        case "load":
          load = Integer.parseInt(words[1]);
          client.publishNodeData(payload(loadMetric().createMetric()));
          break;
        case "temperature":
          temperature = Float.parseFloat(words[1]);
          client.publishDeviceData(DEVICE, payload(temperatureMetric(temperature).createMetric()));
          break;
        case "historical":
          MetricBuilder old = temperatureMetric(Float.parseFloat(words[1])).isHistorical(true)
              .timestamp(new Date(System.currentTimeMillis() - Long.parseLong(words[2])));
          client.publishDeviceData(DEVICE, payload(old.createMetric()));
          break;
        case "skip":
          client.getNextSeqNum();
          break;
        case "device-death":
          client.publishDeviceDeath(DEVICE);
          break;
        case "quit":
          client.shutdown();
          System.exit(0);
        case "die":
          Runtime.getRuntime().halt(1);
      }
    } catch (Exception error) {
      error.printStackTrace();
    }
  }

  static SparkplugBPayloadMap payload(Metric... metrics) {
    return new SparkplugBPayloadMapBuilder().setTimestamp(new Date()).addMetrics(List.of(metrics)).createPayload();
  }

  MetricBuilder loadMetric() throws Exception {
    return new MetricBuilder(LOAD, MetricDataType.Int16, (short) load);
  }

  static MetricBuilder temperatureMetric(float value) throws Exception {
    return new MetricBuilder(TEMPERATURE, MetricDataType.Float, value);
  }

  Metric bdSeqMetric() throws Exception {
    return new MetricBuilder("bdSeq", MetricDataType.Int64, bdSeq).createMetric();
  }

  @Override
  public Topic getDeathTopic() {
    return new Topic(SparkplugMeta.SPARKPLUG_B_TOPIC_PREFIX, descriptor, MessageType.NDEATH);
  }

  @Override
  public byte[] getDeathPayloadBytes() throws Exception {
    bdSeq = (bdSeq + 1) % 256;
    return new SparkplugBPayloadEncoder().getBytes(payload(bdSeqMetric()), true);
  }

  @Override
  public void publishBirthSequence() {
    try {
      client.publishNodeBirth(payload(bdSeqMetric(), loadMetric().createMetric()));
      client.publishDeviceBirth(DEVICE, payload(temperatureMetric(temperature).createMetric(),
          new MetricBuilder("Motor/serial/Temperature", MetricDataType.String, "A-1").createMetric()));
      System.out.println("born");
    } catch (Exception error) {
      error.printStackTrace();
    }
  }

  @Override
  public boolean hasMetric(SparkplugDescriptor descriptor, String name) {
    return true;
  }

  @Override
  public void messageArrived(MqttServerName name, MqttServerUrl url, MqttClientId id, String topic, MqttMessage message) {
    calls.submit(() -> {
      try {
        if (topic.equals("spBv1.0/STATE/" + hostId)) {
          StatePayload state = new ObjectMapper().readValue(message.getPayload(), StatePayload.class);
          System.out.println("state " + state.isOnline());
          client.handleStateMessage(hostId, state);
        } else if (topic.contains("/NCMD/")) {
          SparkplugBPayload command =
              new SparkplugBPayloadDecoder().buildFromByteArray(message.getPayload(), new MetricDataTypeMap());
          for (Metric metric : command.getMetrics()) {
            if (!metric.getName().equals("Node Control/Rebirth") || !Boolean.TRUE.equals(metric.getValue())) continue;
            System.out.println("rebirth");
            client.handleRebirthRequest(true);
          }
        }
      } catch (Exception error) {
        error.printStackTrace();
      }
    });
  }

  @Override
  public void shutdown() {}

  @Override
  public void connectionLost(MqttServerName name, MqttServerUrl url, MqttClientId id, Throwable cause) {}

  @Override
  public void connectComplete(boolean isReconnect, MqttServerName name, MqttServerUrl url, MqttClientId id) {}
}
