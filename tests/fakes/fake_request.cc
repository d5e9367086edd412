#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
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

// Appends what there is; throws when there is nothing more.
void Receive(int fd, std::string& text) {
  std::array<char, 4096> block{};
  const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
  if (got <= 0) {
    throw FakeClientGone();
  }
  text.append(block.data(), static_cast<size_t>(got));
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
  // "/v1.41/…"; the "/v2/" of a registry is no version of an engine.
  const size_t slash = std::min(request.path.find('/', 1), request.path.size());
  if (request.path.starts_with("/v") &&
      request.path.substr(0, slash).find('.') != std::string::npos) {
    request.version = request.path.substr(2, slash - 2);
    request.path =
        slash == request.path.size() ? "/" : request.path.substr(slash);
  }
  return request;
}

FakeRequest ReadFakeRequest(int fd) {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    Receive(fd, text);
  }
  const size_t end = text.find("\r\n\r\n");
  FakeRequest request = ParseRequest(text.substr(0, end));
  request.body = text.substr(end + 4);
  const auto length = request.fields.find("content-length");
  const size_t size =
      length == request.fields.end()
          ? 0
          : static_cast<size_t>(std::atoll(length->second.c_str()));
  while (request.body.size() < size) {
    Receive(fd, request.body);
  }
  return request;
}

}  // namespace bottled::testing
