/* SPDX-License-Identifier: MIT
 *
 * Runs SQLite in memory: tables, indices, joins, blobs, transactions, VACUUM. Prints results, which
 * do not depend on the malloc below SQLite, and in the last line the memory that it took. */

#include <emscripten/heap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

enum { customers = 2000, orders = 30000, documents = 1500 };

static sqlite3* database;

static void require(int status) {
  if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return;
  printf("SQLite: %s\n", sqlite3_errmsg(database));
  exit(1);
}

static void run(const char* sql) { require(sqlite3_exec(database, sql, NULL, NULL, NULL)); }

static sqlite3_stmt* prepare(const char* sql) {
  sqlite3_stmt* statement = NULL;
  require(sqlite3_prepare_v2(database, sql, -1, &statement, NULL));
  return statement;
}

static void step(sqlite3_stmt* statement) {
  require(sqlite3_step(statement));
  require(sqlite3_reset(statement));
}

static uint32_t random_state = 20260101;

/* xorshift32 (Marsaglia, 2003): the same rows in every run. */
static uint32_t next_random(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % bound;
}

/* Prints the number of rows, and a checksum over all of their values (FNV-1a). */
static void report(const char* title, const char* sql) {
  sqlite3_stmt* statement = prepare(sql);
  uint32_t sum = 2166136261u;
  int rows = 0;
  int status;
  while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
    ++rows;
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const unsigned char* bytes = sqlite3_column_blob(statement, column);
      const int count = sqlite3_column_bytes(statement, column);
      for (int i = 0; i < count; ++i) sum = (sum ^ bytes[i]) * 16777619u;
      sum = (sum ^ 0xffu) * 16777619u;
    }
  }
  require(status);
  require(sqlite3_finalize(statement));
  printf("%-28s %6d rows, checksum %08x\n", title, rows, sum);
}

static void fill_tables(void) {
  run("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, town TEXT);"
      "CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer,"
      "  amount REAL, note TEXT);"
      "CREATE TABLE document (id INTEGER PRIMARY KEY, owner INTEGER, content BLOB);");
  run("BEGIN");
  sqlite3_stmt* insert = prepare("INSERT INTO customer (name, town) VALUES (?, ?)");
  for (int i = 0; i < customers; ++i) {
    char name[40], town[24];
    snprintf(name, sizeof name, "customer number %u", next_random(1000000));
    snprintf(town, sizeof town, "town %u", next_random(40));
    require(sqlite3_bind_text(insert, 1, name, -1, SQLITE_TRANSIENT));
    require(sqlite3_bind_text(insert, 2, town, -1, SQLITE_TRANSIENT));
    step(insert);
  }
  require(sqlite3_finalize(insert));

  insert = prepare("INSERT INTO purchase (customer, amount, note) VALUES (?, ?, ?)");
  for (int i = 0; i < orders; ++i) {
    char* note = sqlite3_mprintf("%.*c of order %d", 1 + next_random(60), 'n', i);
    require(sqlite3_bind_int(insert, 1, 1 + (int)next_random(customers)));
    require(sqlite3_bind_double(insert, 2, next_random(100000) / 100.0));
    require(sqlite3_bind_text(insert, 3, note, -1, sqlite3_free));
    step(insert);
  }
  require(sqlite3_finalize(insert));

  insert = prepare("INSERT INTO document (owner, content) VALUES (?, ?)");
  for (int i = 0; i < documents; ++i) {
    const int size = (int)next_random(next_random(20) == 0 ? 40000 : 2000);
    unsigned char* content = malloc((size_t)size + 1);
    for (int j = 0; j < size; ++j) content[j] = (unsigned char)next_random(256);
    require(sqlite3_bind_int(insert, 1, 1 + (int)next_random(customers)));
    require(sqlite3_bind_blob(insert, 2, content, size, free));
    step(insert);
  }
  require(sqlite3_finalize(insert));
  run("COMMIT");
}

static void change_tables(void) {
  run("BEGIN;"
      "UPDATE purchase SET note = note || ' (checked)', amount = amount * 1.1 WHERE id % 3 = 0;"
      "DELETE FROM purchase WHERE id % 7 = 0;"
      "SAVEPOINT attempt;"
      "DELETE FROM customer; UPDATE document SET content = zeroblob(5000);"
      "ROLLBACK TO attempt;"
      "UPDATE document SET content = content || zeroblob(100) WHERE id % 5 = 0;"
      "COMMIT;"
      "BEGIN; DELETE FROM document WHERE id % 2 = 0; ROLLBACK;"
      "DELETE FROM document WHERE id % 4 = 0;");
}

static void ask(const char* when) {
  printf("%s\n", when);
  report("  towns by turnover",
         "SELECT town, count(*), round(sum(amount), 2) FROM customer JOIN purchase"
         " ON purchase.customer = customer.id GROUP BY town ORDER BY 3 DESC");
  report("  best customers",
         "SELECT name, total FROM (SELECT customer, round(sum(amount), 2) AS total FROM purchase"
         " GROUP BY customer) JOIN customer ON customer.id = customer ORDER BY total DESC, name"
         " LIMIT 200");
  report("  notes in order", "SELECT note FROM purchase ORDER BY note DESC, id");
  report("  documents", "SELECT id, length(content), content FROM document ORDER BY id");
  report("  three tables",
         "SELECT town, max(length(content)), min(amount), group_concat(DISTINCT purchase.id % 5)"
         " FROM customer JOIN document ON owner = customer.id JOIN purchase"
         " ON purchase.customer = customer.id GROUP BY town ORDER BY town");
  report("  running totals",
         "SELECT id, round(sum(amount) OVER (PARTITION BY customer ORDER BY id), 2) FROM purchase"
         " ORDER BY id");
  report("  integrity", "PRAGMA integrity_check");
}

int main(void) {
  printf("SQLite %s\n", sqlite3_libversion());
  require(sqlite3_open(":memory:", &database));
  fill_tables();
  ask("tables filled");
  run("CREATE INDEX purchase_customer ON purchase (customer, amount);"
      "CREATE INDEX purchase_note ON purchase (note);"
      "CREATE INDEX document_owner ON document (owner);"
      "ANALYZE;");
  ask("with indices");
  change_tables();
  ask("after changes");
  run("VACUUM");
  ask("after VACUUM");
  require(sqlite3_close(database));
  printf("memory: %u KiB\n", (unsigned)(emscripten_get_heap_size() / 1024));
  return 0;
}
