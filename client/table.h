// Text tables for people: columns as wide as their widest cell. Pure.

#ifndef BOTTLED_CLIENT_TABLE_H_
#define BOTTLED_CLIENT_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

namespace bottled::client {

// Characters that `text` takes on a terminal, counting every code point as one.
size_t DisplayWidth(std::string_view text);

class Table {
 public:
  // A header that starts with '>' makes its column flush right.
  explicit Table(std::vector<std::string> headers);

  // Cells are made printable. Missing ones are empty, further ones dropped.
  void Add(std::vector<std::string> cells);

  // The header and all rows, two spaces between columns, no space at the end of
  // a line. Empty when there is no row.
  std::string Format() const;

 private:
  std::vector<bool> right_;
  // The header is the first row.
  std::vector<std::vector<std::string>> rows_;
};

// "Name:  value" lines; pairs with an empty value are left out.
std::string FormatPairs(
    const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_TABLE_H_
