// SPDX-License-Identifier: MIT
//
// SQLite works on a database in memory: inserts, an index, joins, groups, updates, deletions,
// blobs.

#include <string>

#include "program.hpp"
#include "sqlite3.h"

namespace {

using lite_alloc::bench::Checksum;
using lite_alloc::bench::Random;
using lite_alloc::bench::require;

void run(sqlite3* database, const char* sql) {
  require(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

sqlite3_stmt* prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  require(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) == SQLITE_OK);
  return statement;
}

void add_all(sqlite3* database, const char* sql, Checksum& sum) {
  sqlite3_stmt* const statement = prepare(database, sql);
  while (sqlite3_step(statement) == SQLITE_ROW) {
    for (int column = 0; column < sqlite3_column_count(statement); ++column) {
      const void* const bytes = sqlite3_column_blob(statement, column);
      sum.add(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
    }
  }
  sqlite3_finalize(statement);
}

void insert_rows(sqlite3* database, Random& random, std::uint32_t rows) {
  run(database, "BEGIN");
  sqlite3_stmt* const statement =
      prepare(database, "INSERT INTO orders (customer, title, amount, scan) VALUES (?, ?, ?, ?)");
  for (std::uint32_t row = 0; row < rows; ++row) {
    const std::string title(1 + random.below(60), static_cast<char>('a' + random.below(26)));
    sqlite3_bind_int(statement, 1, static_cast<int>(random.below(500)));
    sqlite3_bind_text(statement, 2, title.data(), static_cast<int>(title.size()), SQLITE_TRANSIENT);
    sqlite3_bind_int(statement, 3, static_cast<int>(random.below(10'000)));
    sqlite3_bind_zeroblob(statement, 4, static_cast<int>(random.below(40) == 0 ? 3000 : 8));
    require(sqlite3_step(statement) == SQLITE_DONE);
    require(sqlite3_reset(statement) == SQLITE_OK);
  }
  sqlite3_finalize(statement);
  run(database, "COMMIT");
}

}  // namespace

std::uint32_t run_program(std::uint32_t scale) {
  Random random;
  Checksum sum;
  for (; scale != 0; --scale) {
    sqlite3* database = nullptr;
    require(sqlite3_open(":memory:", &database) == SQLITE_OK);
    run(database,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INT, title TEXT, amount INT, scan)");
    insert_rows(database, random, 2000);
    run(database, "CREATE INDEX by_customer ON orders (customer, amount)");
    for (int query = 0; query < 150; ++query) {
      const std::string customer = std::to_string(random.below(500));
      const std::string sql =
          "SELECT count(*), sum(amount), group_concat(title) FROM orders "
          "WHERE customer = " +
          customer;
      add_all(database, sql.c_str(), sum);
    }
    add_all(database,
            "SELECT substr(title, 1, 3) AS start, count(*), max(length(title)) FROM orders "
            "GROUP BY start ORDER BY 2 DESC, 1",
            sum);
    run(database, "UPDATE orders SET title = title || ' (changed)' WHERE amount % 3 = 0");
    run(database, "DELETE FROM orders WHERE amount % 4 = 0");
    add_all(database,
            "SELECT a.id, b.title FROM orders a JOIN orders b ON a.customer = b.customer "
            "AND a.amount < b.amount ORDER BY b.title, a.id LIMIT 400",
            sum);
    run(database, "VACUUM");
    require(sqlite3_close(database) == SQLITE_OK);
  }
  return sum.value();
}
