#include <algorithm>
#include <string>

#include "fakes/fake_engine.h"

namespace bottled::testing {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

}  // namespace

FakeRequest ParseRequest(const std::string& head) {
  FakeRequest request;
  size_t line_end = head.find("\r\n");
  const std::string first = head.substr(0, line_end);
  const size_t space = first.find(' ');
  request.method = first.substr(0, space);
  request.target = first.substr(space + 1, first.rfind(' ') - space - 1);
  while (line_end != std::string::npos) {
    const size_t start = line_end + 2;
    line_end = head.find("\r\n", start);
    const std::string line = head.substr(start, line_end - start);
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) {
      request.fields[Lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
  }
  const size_t question = request.target.find('?');
  request.path = request.target.substr(0, question);
  if (question != std::string::npos) {
    request.query = request.target.substr(question + 1);
  }
  if (request.path.starts_with("/v") && request.path.size() > 2 &&
      request.path[2] >= '0' && request.path[2] <= '9') {
    const size_t slash = request.path.find('/', 1);
    request.version = request.path.substr(2, slash - 2);
    request.path =
        slash == std::string::npos ? "/" : request.path.substr(slash);
  }
  return request;
}

}  // namespace bottled::testing
