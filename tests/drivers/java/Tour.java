// pgjdbc against one address: server-prepared statements, batches, cursors, COPY, large objects.
//
// Usage: java -cp postgresql.jar Tour.java URL USER PASSWORD, where URL is a jdbc:postgresql: one.
// Prints one line for each thing that worked and exits 0; the first that did not ends it with its
// stack and 1. It makes only tables of its own, named after its process.

import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

public class Tour {
    static final String TABLE = "java_tour_" + ProcessHandle.current().pid();
    static final int CLIENTS = 8;
    static final int ROUNDS = 20;

    static String url;
    static String user;
    static String password;

    interface Step {
        void take(Connection connection) throws Exception;
    }

    static Connection connect(String... settings) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        // Named on the server from the second use on, where the driver waits for the fifth.
        properties.setProperty("prepareThreshold", "2");
        for (int at = 0; at < settings.length; at += 2) {
            properties.setProperty(settings[at], settings[at + 1]);
        }
        return DriverManager.getConnection(url, properties);
    }

    static void step(String name, Step step, String... settings) throws Exception {
        try (Connection connection = connect(settings)) {
            step.take(connection);
        }
        System.out.println(name + " ok");
    }

    static void expect(Object found, Object wanted) {
        if (!Objects.deepEquals(found, wanted)) {
            throw new AssertionError("found " + found + ", wanted " + wanted);
        }
    }

    static void fails(String state, Step step, Connection connection) throws Exception {
        try {
            step.take(connection);
        } catch (SQLException error) {
            expect(error.getSQLState(), state);
            return;
        }
        throw new AssertionError("no error " + state);
    }

    static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static Object value(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int at = 0; at < values.length; at++) {
                statement.setObject(at + 1, values[at]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getObject(1);
            }
        }
    }

    static int insert(Connection connection, int id, String name) throws SQLException {
        String sql = "insert into " + TABLE + " values (?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setInt(1, id);
            statement.setString(2, name);
            return statement.executeUpdate();
        }
    }

    static void types(Connection connection) throws Exception {
        String sql = "select ?::int, ?::int8, ?::float8, ?::bool, ?::text, ?::bytea, ?::uuid, ?::int[], ?::text[], ?::int";
        UUID uuid = new UUID(1, 2);
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            // From the second round on the statement has a name and its values are binary.
            for (int round = 0; round < 5; round++) {
                statement.setInt(1, round);
                statement.setLong(2, 1L << 40);
                statement.setDouble(3, 1.5);
                statement.setBoolean(4, true);
                statement.setString(5, "ä");
                statement.setBytes(6, new byte[] {0, 1});
                statement.setObject(7, uuid);
                statement.setArray(8, connection.createArrayOf("int4", new Object[] {1, null, 3}));
                statement.setArray(9, connection.createArrayOf("text", new Object[] {"a", "b \"c\""}));
                statement.setNull(10, Types.INTEGER);
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    expect(row.getInt(1), round);
                    expect(row.getLong(2), 1L << 40);
                    expect(row.getDouble(3), 1.5);
                    expect(row.getBoolean(4), true);
                    expect(row.getString(5), "ä");
                    expect(row.getBytes(6), new byte[] {0, 1});
                    expect(row.getObject(7), uuid);
                    Array numbers = row.getArray(8);
                    expect(Arrays.asList((Object[]) numbers.getArray()), Arrays.asList(1, null, 3));
                    expect(row.getArray(9).getArray(), new String[] {"a", "b \"c\""});
                    expect(row.getObject(10), null);
                }
            }
        }
    }

    static Void client(int number) throws Exception {
        try (Connection connection = connect()) {
            connection.setAutoCommit(false);
            for (int round = 0; round < ROUNDS; round++) {
                String canary = "client " + number + " in round " + round;
                int id = 1000 + number * ROUNDS + round;
                expect(value(connection, "select ?::text || '!'", canary), canary + "!");
                expect(insert(connection, id, canary), 1);
                connection.commit();
                expect(value(connection, "select name from " + TABLE + " where id = ?", id), canary);
                connection.rollback();
            }
        }
        return null;
    }

    static void manyClients(Connection connection) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(CLIENTS);
        List<Future<Void>> clients = new ArrayList<>();
        for (int number = 0; number < CLIENTS; number++) {
            int client = number;
            clients.add(threads.submit(() -> client(client)));
        }
        for (Future<Void> client : clients) {
            client.get();
        }
        threads.shutdown();
        expect(value(connection, "select count(*) from " + TABLE), (long) CLIENTS * ROUNDS);
    }

    static void errorsAndSavepoints(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        insert(connection, 1, "one");
        for (int round = 0; round < 3; round++) {
            Savepoint savepoint = connection.setSavepoint();
            fails("23505", c -> insert(c, 1, "twice"), connection);
            fails("25P02", c -> value(c, "select 1"), connection);
            connection.rollback(savepoint);
        }
        insert(connection, 2, "two");
        connection.commit();
        insert(connection, 3, "lost");
        fails("22012", c -> value(c, "select 1 / ?::int", 0), connection);
        connection.rollback();
        fails("42703", c -> value(c, "select no_such_column"), connection);
        connection.rollback();
        expect(value(connection, "select array_agg(id order by id)::text from " + TABLE + " where id < 1000"), "{1,2}");
        connection.commit();
    }

    static void errorsThatTheDriverSaves(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        insert(connection, 4, "four");
        fails("23505", c -> insert(c, 1, "twice"), connection);
        insert(connection, 5, "five");
        connection.commit();
        expect(value(connection, "select count(*) from " + TABLE + " where id in (4, 5)"), 2L);
        connection.rollback();
    }

    static void changedTables(Connection connection) throws Exception {
        run(connection, "create table " + TABLE + "_changed as select 1 as id");
        String sql = "select * from " + TABLE + "_changed";
        for (int round = 0; round < 3; round++) {
            expect(value(connection, sql), 1);
        }
        // pgjdbc hears of the changed plan and prepares anew.
        run(connection, "alter table " + TABLE + "_changed add column name text");
        for (int round = 0; round < 3; round++) {
            expect(value(connection, sql), 1);
        }
        run(connection, "drop table " + TABLE + "_changed");
    }

    static void batches(Connection connection) throws Exception {
        String sql = "insert into " + TABLE + " values (?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int id = 20_000; id < 21_000; id++) {
                statement.setInt(1, id);
                statement.setString(2, "row " + id);
                statement.addBatch();
            }
            expect(statement.executeBatch().length, 1000);
            statement.setInt(1, 30_000);
            statement.setString(2, "lost");
            statement.addBatch();
            statement.setInt(1, 1);
            statement.addBatch();
            try {
                statement.executeBatch();
                throw new AssertionError("the error in the batch was lost");
            } catch (BatchUpdateException error) {
                expect(error.getSQLState(), "23505");
            }
        }
        expect(value(connection, "select count(*) from " + TABLE + " where id >= 20000"), 1000L);
        run(connection, "delete from " + TABLE + " where id >= 20000");
    }

    static void rowsInSteps(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        String sql = "select g, repeat('x', 200) from generate_series(1, ?) g";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setFetchSize(100);
            statement.setInt(1, 5000);
            int count = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    expect(rows.getInt(1), ++count);
                    expect(rows.getString(2).length(), 200);
                    if (count == 250) {
                        expect(value(connection, "select 'between'"), "between");
                    }
                }
            }
            expect(count, 5000);
        }
        connection.commit();
    }

    static void copies(Connection connection) throws Exception {
        CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder lines = new StringBuilder();
        for (int id = 10_000; id < 15_000; id++) {
            lines.append(id).append("\trow ").append(id).append('\n');
        }
        String into = "copy " + TABLE + " from stdin";
        expect(copy.copyIn(into, new StringReader(lines.toString())), 5000L);
        StringWriter out = new StringWriter();
        copy.copyOut("copy (select * from " + TABLE + " where id >= 10000 order by id) to stdout", out);
        expect(out.toString(), lines.toString());
        fails("23505", c -> copy.copyIn(into, new StringReader("1\ttwice\n")), connection);
        expect(value(connection, "select 'after the copy'"), "after the copy");
    }

    static void largeObjects(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        // By function calls, the fast path of the protocol.
        LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
        byte[] wanted = "0123456789".repeat(30_000).getBytes(StandardCharsets.US_ASCII);
        long id = manager.createLO(LargeObjectManager.READWRITE);
        LargeObject object = manager.open(id, LargeObjectManager.READWRITE);
        object.write(wanted);
        object.seek(0);
        expect(object.read(wanted.length), wanted);
        object.close();
        manager.delete(id);
        connection.commit();
    }

    static void largeResults(Connection connection) throws Exception {
        String large = "z".repeat(3_000_000);
        expect(value(connection, "select ?::text", large), large);
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select g from generate_series(1, 50000) g")) {
            int count = 0;
            while (rows.next()) {
                expect(rows.getInt(1), ++count);
            }
            expect(count, 50_000);
        }
    }

    static void timeouts(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            fails("57014", c -> statement.execute("select pg_sleep(60)"), connection);
        }
        expect(value(connection, "select 'after the timeout'"), "after the timeout");
    }

    static void temporaryTables(Connection connection) throws Exception {
        run(connection, "create temp table scratch (id int)");
        for (int id = 0; id < 5; id++) {
            value(connection, "insert into scratch values (?) returning id", id);
        }
        expect(value(connection, "select sum(id) from scratch"), 10L);
        run(connection, "drop table scratch");
    }

    static void searchPaths(Connection connection) throws Exception {
        for (String side : List.of("left", "right")) {
            String schema = TABLE + "_" + side;
            run(connection, "create schema " + schema + "; create table " + schema + ".sided as select '" + side + "'::text as side");
        }
        for (String side : List.of("left", "right", "left")) {
            connection.setSchema(TABLE + "_" + side);
            expect(connection.getSchema(), TABLE + "_" + side);
            for (int round = 0; round < 3; round++) {
                expect(value(connection, "select side from sided"), side);
            }
        }
        run(connection, "drop schema " + TABLE + "_left cascade; drop schema " + TABLE + "_right cascade");
    }

    static void notifications(Connection connection) throws Exception {
        run(connection, "listen " + TABLE);
        try (Connection speaker = connect()) {
            value(speaker, "select pg_notify(?, ?)::text", TABLE, "a payload");
        }
        PGNotification[] heard = connection.unwrap(PGConnection.class).getNotifications(20_000);
        expect(heard.length, 1);
        expect(heard[0].getName() + ": " + heard[0].getParameter(), TABLE + ": a payload");
        run(connection, "unlisten *");
    }

    static void metadata(Connection connection) throws Exception {
        try (ResultSet columns = connection.getMetaData().getColumns(null, null, TABLE, null)) {
            columns.next();
            expect(columns.getString("COLUMN_NAME"), "id");
        }
        expect(connection.isValid(5), true);
        connection.setReadOnly(true);
        fails("25006", c -> insert(c, 6, "read only"), connection);
        connection.setReadOnly(false);
        connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        expect(value(connection, "show transaction_isolation"), "serializable");
    }

    static void reconnects(Connection unused) throws Exception {
        for (int number = 0; number < 10; number++) {
            Connection connection = connect("ApplicationName", TABLE);
            expect(value(connection, "select ?::int", number), number);
            expect(value(connection, "show application_name"), TABLE);
            // Every second one leaves without a goodbye, in a transaction.
            if (number % 2 == 1) {
                connection.setAutoCommit(false);
                insert(connection, 7, "lost");
                connection.abort(Runnable::run);
            } else {
                connection.close();
            }
        }
        expect(value(unused, "select count(*) from " + TABLE + " where id = 7"), 0L);
    }

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        user = arguments[1];
        password = arguments[2];
        System.out.println(org.postgresql.util.DriverInfo.DRIVER_FULL_NAME + ", Java " + Runtime.version());
        step("types", Tour::types);
        step("types in simple queries", c -> expect(value(c, "select ?::int + 1", 41), 42), "preferQueryMode", "simple");
        step("tables", c -> run(c, "create table " + TABLE + " (id int primary key, name text)"));
        step("many clients", Tour::manyClients);
        step("errors and savepoints", Tour::errorsAndSavepoints);
        step("errors that the driver saves", Tour::errorsThatTheDriverSaves, "autosave", "always");
        step("changed tables", Tour::changedTables, "autosave", "conservative");
        step("batches", Tour::batches);
        step("rewritten batches", Tour::batches, "reWriteBatchedInserts", "true");
        step("rows in steps", Tour::rowsInSteps);
        step("copies", Tour::copies);
        step("large objects", Tour::largeObjects);
        step("large results", Tour::largeResults);
        step("timeouts", Tour::timeouts);
        step("temporary tables", Tour::temporaryTables);
        step("search paths", Tour::searchPaths);
        step("settings of the connection", c -> expect(value(c, "show search_path"), "pg_catalog"), "currentSchema", "pg_catalog");
        step("options of the connection", c -> expect(value(c, "show statement_timeout"), "5min"), "options", "-c statement_timeout=300s");
        step("notifications", Tour::notifications);
        step("metadata", Tour::metadata, "readOnlyMode", "always");
        step("reconnects", Tour::reconnects);
        step("drop table", c -> run(c, "drop table " + TABLE));
        System.out.println("the tour is over");
    }
}
