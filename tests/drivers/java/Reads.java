// pgjdbc through replicas that lag: whatever it writes, it reads.
//
// Usage: java -cp postgresql.jar Reads.java SCOPE URL USER PASSWORD KEY PORT, where URL is a
// jdbc:postgresql: one. Raises the counter KEY and reads it, and ends when a read was answered at
// PORT. The first thing that is wrong ends it with its stack and 1. SCOPE says in what:
//
// statements  each in a transaction of its own, or in a block that says that it only reads
// blocks      without autocommit, where the first statement of a block says at which server it stays: the
//             driver says BEGIN in one round with that

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

public class Reads {
    static final String WRITE = "update counters set value = value + 1 where key = ? returning value";
    static final String READ = "select value, port from counters, answers where key = ?";
    static final String READ_BEFORE_WRITE = "select value from counters where key = ?";
    static final int STATEMENT_ROUNDS = 30;
    static final int BLOCK_ROUNDS = 5;
    static final long LIMIT_MS = 40_000;

    static int key;
    static long port;

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

    /** Where something was read. */
    interface Read {
        long port() throws SQLException;
    }

    static void untilReadAtPort(Read read) throws SQLException {
        long end = System.currentTimeMillis() + LIMIT_MS;
        while (read.port() != port) {
            if (System.currentTimeMillis() > end) {
                throw new AssertionError("nothing was read at " + port);
            }
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

    static void statements(Connection connection) throws SQLException {
        try (PreparedStatement write = connection.prepareStatement(WRITE);
                PreparedStatement read = connection.prepareStatement(READ)) {
            long value = 0;
            for (int round = 0; round < STATEMENT_ROUNDS; round++) {
                value = ask(write, 1);
                for (int time = 0; time < 3; time++) {
                    expect(ask(read, 1), value);
                }
                readOnlyBlock(connection, read, value);
            }
            long last = value;
            // The driver says BEGIN in one round with what follows, and that goes to the primary.
            untilReadAtPort(() -> {
                long port = ask(read, 2);
                expect(ask(read, 1), last);
                return port;
            });
        }
    }

    static long writeBlock(Connection connection, PreparedStatement write, PreparedStatement read)
            throws SQLException {
        long value = ask(write, 1);
        expect(ask(read, 1), value);
        connection.commit();
        return value;
    }

    /** Where it was read. */
    static long readBlock(Connection connection, PreparedStatement read, long value) throws SQLException {
        long port = ask(read, 2);
        expect(ask(read, 1), value);
        expect(ask(read, 2), port);
        connection.commit();
        return port;
    }

    /** What is refused for having begun at a replica is so once. */
    static long readAndWriteBlock(Connection connection, PreparedStatement before, PreparedStatement write)
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

    static void blocks(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement write = connection.prepareStatement(WRITE);
                PreparedStatement before = connection.prepareStatement(READ_BEFORE_WRITE);
                PreparedStatement read = connection.prepareStatement(READ)) {
            long value = 0;
            for (int round = 0; round < BLOCK_ROUNDS; round++) {
                value = writeBlock(connection, write, read);
                readBlock(connection, read, value);
                value = readAndWriteBlock(connection, before, write);
                readBlock(connection, read, value);
            }
            long last = value;
            untilReadAtPort(() -> readBlock(connection, read, last));
        }
    }

    public static void main(String[] arguments) throws Exception {
        boolean isInBlocks = arguments[0].equals("blocks");
        Properties properties = new Properties();
        properties.setProperty("user", arguments[2]);
        properties.setProperty("password", arguments[3]);
        properties.setProperty("prepareThreshold", "2");
        key = Integer.parseInt(arguments[4]);
        port = Long.parseLong(arguments[5]);
        for (String mode : isInBlocks ? new String[] {"extended", "simple"} : new String[] {"extended"}) {
            properties.setProperty("preferQueryMode", mode);
            try (Connection connection = DriverManager.getConnection(arguments[1], properties)) {
                if (isInBlocks) {
                    blocks(connection);
                } else {
                    statements(connection);
                }
            }
        }
        System.out.println("the tour is over");
    }
}
