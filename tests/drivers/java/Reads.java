// pgjdbc through replicas that lag: whatever it writes, it reads.
//
// Usage: java -cp postgresql.jar Reads.java URL USER PASSWORD KEY PORT, where URL is a
// jdbc:postgresql: one. Raises the counter KEY and reads it, and ends when a read was answered at
// PORT. The first read that is wrong ends it with its stack and 1.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public class Reads {
    static final String WRITE = "update counters set value = value + 1 where key = ? returning value";
    static final String READ = "select value, port from counters, answers where key = ?";
    static final int ROUNDS = 30;
    static final long LIMIT_MS = 40_000;

    static int key;

    /** The first column of the only row, or the second. */
    static long ask(PreparedStatement statement, int column) throws SQLException {
        statement.setInt(1, key);
        try (ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getLong(column);
        }
    }

    static void expect(long found, long wanted) {
        if (found != wanted) {
            throw new AssertionError("found " + found + ", wanted " + wanted);
        }
    }

    static long readOnlyBlock(Connection connection, PreparedStatement read, long value) throws SQLException {
        connection.setReadOnly(true);
        connection.setAutoCommit(false);
        expect(ask(read, 1), value);
        long port = ask(read, 2);
        connection.commit();
        connection.setAutoCommit(true);
        connection.setReadOnly(false);
        return port;
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", arguments[1]);
        properties.setProperty("password", arguments[2]);
        properties.setProperty("prepareThreshold", "2");
        key = Integer.parseInt(arguments[3]);
        long port = Long.parseLong(arguments[4]);
        try (Connection connection = DriverManager.getConnection(arguments[0], properties);
                PreparedStatement write = connection.prepareStatement(WRITE);
                PreparedStatement read = connection.prepareStatement(READ)) {
            long value = 0;
            for (int round = 0; round < ROUNDS; round++) {
                value = ask(write, 1);
                for (int time = 0; time < 3; time++) {
                    expect(ask(read, 1), value);
                }
                readOnlyBlock(connection, read, value);
            }
            long end = System.currentTimeMillis() + LIMIT_MS;
            // The driver says BEGIN in one round with what follows, and that goes to the primary.
            while (ask(read, 2) != port) {
                expect(ask(read, 1), value);
                if (System.currentTimeMillis() > end) {
                    throw new AssertionError("no read was answered at " + port);
                }
            }
        }
        System.out.println("the tour is over");
    }
}
