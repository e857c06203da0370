// pgjdbc without autocommit, where the first statement of a block says at which server it stays: the
// driver says BEGIN in one round with that.
//
// Usage: java -cp postgresql.jar Blocks.java URL USER PASSWORD KEY PORT, where URL is a
// jdbc:postgresql: one. Raises the counter KEY and reads it, each in a transaction of its own, and ends
// when such a read was answered at PORT. The first thing that is wrong ends it with its stack and 1.

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public class Blocks {
    static final String WRITE = "update counters set value = value + 1 where key = ? returning value";
    static final String READ = "select value, port from counters, answers where key = ?";
    static final String READ_BEFORE_WRITE = "select value from counters where key = ?";
    static final int ROUNDS = 5;
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

    static long write(Connection connection, PreparedStatement write, PreparedStatement read) throws SQLException {
        long value = ask(write, 1);
        expect(ask(read, 1), value);
        connection.commit();
        return value;
    }

    /** Where it was read. */
    static long read(Connection connection, PreparedStatement read, long value) throws SQLException {
        long port = ask(read, 2);
        expect(ask(read, 1), value);
        expect(ask(read, 2), port);
        connection.commit();
        return port;
    }

    /** What is refused for having begun at a replica is so once. */
    static long readAndWrite(Connection connection, PreparedStatement before, PreparedStatement write)
            throws SQLException {
        for (boolean isAgain = false; ; isAgain = true) {
            try {
                long seen = ask(before, 1);
                long value = ask(write, 1);
                connection.commit();
                expect(value, seen + 1);
                return value;
            } catch (SQLException refused) {
                connection.rollback();
                if (isAgain || !refused.getSQLState().equals("25006")) {
                    throw refused;
                }
            }
        }
    }

    static void live(Connection connection, long port) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement write = connection.prepareStatement(WRITE);
                PreparedStatement before = connection.prepareStatement(READ_BEFORE_WRITE);
                PreparedStatement read = connection.prepareStatement(READ)) {
            long value = 0;
            for (int round = 0; round < ROUNDS; round++) {
                value = write(connection, write, read);
                read(connection, read, value);
                value = readAndWrite(connection, before, write);
                read(connection, read, value);
            }
            long end = System.currentTimeMillis() + LIMIT_MS;
            while (read(connection, read, value) != port) {
                if (System.currentTimeMillis() > end) {
                    throw new AssertionError("no block was at " + port);
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", arguments[1]);
        properties.setProperty("password", arguments[2]);
        properties.setProperty("prepareThreshold", "2");
        key = Integer.parseInt(arguments[3]);
        for (String mode : new String[] {"extended", "simple"}) {
            properties.setProperty("preferQueryMode", mode);
            try (Connection connection = DriverManager.getConnection(arguments[0], properties)) {
                live(connection, Long.parseLong(arguments[4]));
            }
        }
        System.out.println("the tour is over");
    }
}
