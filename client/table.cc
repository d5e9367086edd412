#include "client/table.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace bottled::client {

size_t DisplayWidth(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

Table::Table(std::vector<std::string> headers) {
  for (std::string& header : headers) {
    right_.push_back(header.starts_with('>'));
    header.erase(0, right_.back() ? 1 : 0);
  }
  rows_.push_back(std::move(headers));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(right_.size());
  for (std::string& cell : cells) {
    cell = Printable(cell);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Format() const {
  if (rows_.size() < 2) {
    return "";
  }
  std::vector<size_t> widths(right_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - DisplayWidth(row[i]), ' ');
      line += i == 0 ? "" : "  ";
      line += right_[i] ? pad + row[i] : row[i] + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string FormatPairs(
    const std::vector<std::pair<std::string, std::string>>& pairs) {
  size_t width = 0;
  for (const auto& [name, value] : pairs) {
    width = std::max(width, value.empty() ? 0 : DisplayWidth(name));
  }
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) {
      out += name + ":" + std::string(width - DisplayWidth(name) + 2, ' ') +
             Printable(value) + "\n";
    }
  }
  return out;
}

}  // namespace bottled::client
