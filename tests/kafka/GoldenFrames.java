// Writes one frame of every kind for the APIs that it is given, with the message classes of Kafka's
// own client: a line
//   API request|response VERSION full|bare HEADER BODY
// in hex, where `full` has every field that the version knows set to a value of its own, and `bare`
// has what may be null or empty so.
//
//   java -cp "kafka-clients.jar:slf4j-api.jar" GoldenFrames.java KEY=VERSION-VERSION...
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

public class GoldenFrames {
  private final boolean full;
  private int count = 0;

  private GoldenFrames(boolean full) {
    this.full = full;
  }

  public static void main(String[] args) throws Exception {
    for (String arg : args) {
      short key = Short.parseShort(arg.substring(0, arg.indexOf('=')));
      String[] range = arg.substring(arg.indexOf('=') + 1).split("-");
      ApiMessageType api = ApiMessageType.fromApiKey(key);
      for (short v = Short.parseShort(range[0]); v <= Short.parseShort(range[1]); ++v) {
        for (boolean full : new boolean[] {true, false}) {
          write(api, "request", v, full, api.newRequest(), api.requestSchemas()[v]);
          write(api, "response", v, full, api.newResponse(), api.responseSchemas()[v]);
        }
      }
    }
  }

  private static void write(ApiMessageType api, String kind, short version, boolean full,
                            Message message, Schema schema) throws Exception {
    new GoldenFrames(full).fill(message, schema);
    System.out.println(String.join(" ", snake(api.name), kind, Short.toString(version),
        full ? "full" : "bare", hex(header(api, kind, version)), hex(bytes(message, version))));
  }

  private static byte[] header(ApiMessageType api, String kind, short version) {
    if (kind.equals("request")) {
      return bytes(new RequestHeaderData().setRequestApiKey(api.apiKey())
          .setRequestApiVersion(version).setCorrelationId(77).setClientId("golden"),
          api.requestHeaderVersion(version));
    }
    return bytes(new ResponseHeaderData().setCorrelationId(77), api.responseHeaderVersion(version));
  }

  private static byte[] bytes(Message message, short version) {
    ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
    byte[] all = new byte[buffer.remaining()];
    buffer.get(all);
    return all;
  }

  private static String hex(byte[] bytes) {
    return bytes.length == 0 ? "-" : HexFormat.of().formatHex(bytes);
  }

  private static String snake(String name) {
    return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase();
  }

  private static String camel(String name) {
    StringBuilder made = new StringBuilder();
    for (String word : name.split("_")) {
      made.append(word.substring(0, 1).toUpperCase()).append(word.substring(1));
    }
    return made.toString();
  }

  private void fill(Object message, Schema schema) throws Exception {
    for (BoundField each : schema.fields()) {
      if (each.def.type instanceof TaggedFields) {
        for (Field tagged : ((TaggedFields) each.def.type).fields().values()) {
          set(message, tagged);
        }
      } else {
        set(message, each.def);
      }
    }
  }

  private void set(Object message, Field field) throws Exception {
    for (Method method : message.getClass().getMethods()) {
      if (method.getName().equals("set" + camel(field.name)) && method.getParameterCount() == 1) {
        Type type = method.getGenericParameterTypes()[0];
        method.invoke(message, value(type, method.getParameterTypes()[0], field.type));
        return;
      }
    }
    throw new IllegalStateException(message.getClass() + " has no setter for " + field.name);
  }

  private Object value(Type generic, Class<?> type,
                       org.apache.kafka.common.protocol.types.Type kind) throws Exception {
    ++count;
    if (type == boolean.class) {
      return full;
    } else if (type == byte.class) {
      return (byte) count;
    } else if (type == short.class) {
      return (short) (1000 + count);
    } else if (type == int.class) {
      // The same setter serves unsigned numbers of 16 bits.
      return kind == org.apache.kafka.common.protocol.types.Type.UINT16 ? 50000 + count : 1000000 + count;
    } else if (type == long.class) {
      return 10000000000L + count;
    } else if (type == double.class) {
      return count / 4.0;
    } else if (type == Uuid.class) {
      return new Uuid(0x0123456789abcdefL, count);
    } else if (!full && kind.isNullable()) {
      return null;
    } else if (type == String.class) {
      return full ? "text" + count : "";
    } else if (type == byte[].class) {
      return full ? ("bytes" + count).getBytes("UTF-8") : new byte[0];
    } else if (type == ByteBuffer.class) {
      return ByteBuffer.wrap(full ? ("bytes" + count).getBytes("UTF-8") : new byte[0]);
    } else if (BaseRecords.class.isAssignableFrom(type)) {
      return full ? MemoryRecords.withRecords(Compression.NONE,
          new SimpleRecord(1700000000000L + count, "key".getBytes(), "value".getBytes()))
          : MemoryRecords.EMPTY;
    } else if (Collection.class.isAssignableFrom(type)) {
      return collection(generic, type, kind);
    }
    Object made = type.getDeclaredConstructor().newInstance();
    fill(made, (Schema) kind);
    return made;
  }

  @SuppressWarnings("unchecked")
  private Object collection(Type generic, Class<?> type,
                            org.apache.kafka.common.protocol.types.Type kind) throws Exception {
    boolean list = type == List.class;
    Type element = ((ParameterizedType) (list ? generic : type.getGenericSuperclass()))
        .getActualTypeArguments()[0];
    Collection<Object> made =
        list ? new ArrayList<>() : (Collection<Object>) type.getDeclaredConstructor().newInstance();
    Class<?> of = element instanceof Class ? (Class<?>) element : (Class<?>) ((ParameterizedType) element).getRawType();
    for (int i = 0; full && i < 2; ++i) {
      made.add(value(element, plain(of), kind.arrayElementType().get()));
    }
    return made;
  }

  private static Class<?> plain(Class<?> boxed) {
    if (boxed == Integer.class) {
      return int.class;
    } else if (boxed == Short.class) {
      return short.class;
    } else if (boxed == Long.class) {
      return long.class;
    } else if (boxed == Byte.class) {
      return byte.class;
    } else if (boxed == Boolean.class) {
      return boolean.class;
    }
    return boxed;
  }
}
