// libcurl's easy handle, set up for one request to one engine.

#ifndef BOTTLED_ENGINE_CURL_HANDLE_H_
#define BOTTLED_ENGINE_CURL_HANDLE_H_

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "endpoint/endpoint.h"
#include "engine/ssh_dial.h"

namespace bottled {

struct CurlEasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using CurlEasy = std::unique_ptr<CURL, CurlEasyDeleter>;

struct CurlMultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using CurlMulti = std::unique_ptr<CURLM, CurlMultiDeleter>;

struct CurlListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, CurlListDeleter>;

// Everything that belongs to one request. Stays where it is: libcurl keeps
// pointers into it. Not thread-safe.
class CurlHandle {
 public:
  // Starts nothing yet. `fields` ("Name: value") are sent besides our own.
  // Reason BAD_ENGINE_ADDRESS, or what the system says.
  static absl::StatusOr<std::unique_ptr<CurlHandle>> Create(
      const EngineEndpoint& endpoint, const std::string& target,
      std::chrono::milliseconds connect_timeout,
      const std::vector<std::string>& fields);

  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  CURL* get() const { return easy_.get(); }

  // What ended a transfer before its head came: unreachable, forbidden, late
  // or not HTTP.
  absl::Status ConnectError(CURLcode code);

  // libcurl's words for `code`, with those of ssh when there is one.
  std::string Explain(CURLcode code);

 private:
  explicit CurlHandle(EngineEndpoint endpoint)
      : endpoint_(std::move(endpoint)) {}

  absl::Status SetUp(const std::string& target,
                     std::chrono::milliseconds connect_timeout,
                     const std::vector<std::string>& fields);
  absl::Status AddField(const char* field);
  // Reason ENGINE_UNREACHABLE when a file that must be there is not.
  absl::Status SetUpTls();
  static int BeforeRequest(void* self, char* remote_ip, char* local_ip,
                           int remote_port, int local_port);

  const EngineEndpoint endpoint_;
  std::chrono::milliseconds connect_timeout_{0};
  std::unique_ptr<SshDial> ssh_;
  // Why ssh could not be started.
  absl::Status ssh_status_;
  CurlList headers_;
  char error_[CURL_ERROR_SIZE] = {};
  // Last, so that it is closed first.
  CurlEasy easy_;
};

}  // namespace bottled

#endif  // BOTTLED_ENGINE_CURL_HANDLE_H_
