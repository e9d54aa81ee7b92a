// A small table that does not change while a job runs, read from CSV when the topology is built:
// what a host, a status or a product is called. For enrichment by `.lookup(…)` of the DSL, or by
// `find` in any function. For tables that change, read a topic with `t.table(…)`.
//
// The first line names the columns; each member of the struct is a column, columns without a member
// are skipped. One record per line, as streams/logs/csv.hpp reads them; empty lines are skipped,
// and so is a byte order mark. A mistake (a column that is missing, text that does not fit its
// member, a key that is there twice) names line and column and is a problem of the topology.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "streams/base/result.hpp"
#include "streams/logs/csv.hpp"
#include "streams/logs/regex.hpp"
#include "streams/record/fields.hpp"

namespace penstock::logs {

/// Larger files are refused: the table is in memory.
inline constexpr std::size_t lookup_bytes_max = 256 << 20;

namespace detail {

/// A CSV text cut into its lines and these into their columns, one after the other.
class table_reader {
 public:
  /// `called` is the file's name, or what else people call the text.
  table_reader(std::string_view text, csv_form form, std::string called);

  /// Reads the heading: for each of `members` its column. Errors: no heading, a column twice, a
  /// member without a column.
  result<void> head(const std::vector<std::string_view>& members);

  /// The next line that is not empty. False at the end.
  result<bool> next();

  /// The text of a member in the line.
  std::string_view text(std::size_t member) const { return values_[columns_[member]]; }

  /// `what` with the place: 'hosts.csv, line 3, column 2 ("port"): …'.
  error wrong(std::size_t member, std::string_view what) const;

  std::size_t line() const { return line_; }
  const std::string& called() const { return called_; }

 private:
  error wrong_line(std::string_view what) const;
  bool take_line(std::string_view& line);

  std::string_view rest_;
  csv_form form_;
  std::string called_;
  std::vector<std::string> names_;
  std::vector<std::size_t> columns_;
  std::vector<std::string> values_;
  std::size_t line_ = 0;
};

/// The whole of a file.
result<std::string> read_table_file(const std::string& path);

}  // namespace detail

/// Rows of T by their member of type Key. Immutable; copies share the rows; any thread.
template <described T, class Key>
class lookup_table {
 public:
  /// What to look up: a view where the key is a string.
  using key_view = std::conditional_t<std::same_as<Key, std::string>, std::string_view, Key>;

  /// The row with that key, or null. Valid as long as any copy of the table.
  const T* find(const key_view& key) const {
    if (!rows_) return nullptr;
    const auto at = rows_->find(key);
    return at == rows_->end() ? nullptr : &at->second;
  }

  std::size_t size() const { return rows_ ? rows_->size() : 0; }

  /// What is wrong with the text or file; empty when the table can be used.
  const std::string& problem() const { return problem_; }

  static lookup_table from(std::string_view text, Key T::*key, csv_form form, std::string called) {
    lookup_table made;
    auto rows = std::make_shared<row_map>();
    if (auto read = made.read(text, key, form, std::move(called), *rows); !read) {
      made.problem_ = read.error().message();
    } else {
      made.rows_ = std::move(rows);
    }
    return made;
  }
  static lookup_table broken(std::string problem) {
    lookup_table made;
    made.problem_ = std::move(problem);
    return made;
  }

 private:
  struct hasher {
    using is_transparent = void;
    std::size_t operator()(const key_view& key) const { return std::hash<key_view>{}(key); }
  };
  using row_map = absl::flat_hash_map<Key, T, hasher, std::equal_to<>>;

  static result<void> read(std::string_view text, Key T::*key, csv_form form, std::string called,
                           row_map& into) {
    detail::table_reader reader{text, form, std::move(called)};
    PENSTOCK_TRY(reader.head(detail::member_names<T>()));
    absl::flat_hash_map<Key, std::size_t> lines;
    while (true) {
      PENSTOCK_ASSIGN(const bool more, reader.next());
      if (!more) return {};
      T row{};
      error bad;
      std::size_t member = 0;
      std::size_t key_member = 0;
      penstock::detail::each_field<T>([&](const auto& one) {
        const std::size_t this_one = member++;
        if constexpr (std::same_as<std::remove_reference_t<decltype(row.*one.member)>, Key>) {
          if (one.member == key) key_member = this_one;
        }
        if (!bad) {
          bad = take(reader, this_one, one.name, row.*one.member);
        }
      });
      if (bad) return bad;
      const auto [first, fresh] = lines.emplace(row.*key, reader.line());
      if (!fresh) {
        return reader.wrong(key_member, "the same key as in line " + std::to_string(first->second));
      }
      into.emplace(row.*key, std::move(row));
    }
  }

  template <class M>
  static error take(const detail::table_reader& reader, std::size_t member, std::string_view name,
                    M& value) {
    static_assert(!std::same_as<M, std::string_view>, "rows of a table own their text");
    std::string_view text = reader.text(member);
    if constexpr (penstock::detail::is_optional<M>::value) {
      if (text.empty()) return {};
    }
    error bad = detail::take_text(name, text, value);
    return bad ? reader.wrong(member, bad.message()) : bad;
  }

  std::shared_ptr<const row_map> rows_;
  std::string problem_;
};

/// `lookup_text("code,name\n200,OK\n", &status::code)`: a table from CSV text.
template <described T, class Key>
lookup_table<T, Key> lookup_text(std::string_view text, Key T::*key, csv_form form = {}) {
  return lookup_table<T, Key>::from(text, key, form, "the table");
}

/// `lookup_file("hosts.csv", &host::address)`: a table from a CSV file, read now. A file that
/// cannot be read is a problem of the topology too.
template <described T, class Key>
lookup_table<T, Key> lookup_file(const std::string& path, Key T::*key, csv_form form = {}) {
  auto text = detail::read_table_file(path);
  if (!text) return lookup_table<T, Key>::broken(text.error().message());
  return lookup_table<T, Key>::from(*text, key, form, path);
}

}  // namespace penstock::logs
