// FakeEngine: an HTTP/1.1 server on a Unix socket, or on a port, that answers
// as scripted, for faults that a real engine cannot be made to show.
//
// It knows /_ping and the version in front of paths as dockerd does; everything
// else is a route. One request per connection, then it closes, as asked to by
// `Connection: close`. Thread-safe; its threads end with it.

#ifndef BOTTLED_TESTS_FAKES_FAKE_ENGINE_H_
#define BOTTLED_TESTS_FAKES_FAKE_ENGINE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "platform/fd.h"

namespace bottled::testing {

struct FakeRequest {
  std::string method;
  // As received, with version and query.
  std::string target;
  // Without version and query; still percent-encoded.
  std::string path;
  // "1.41", or empty.
  std::string version;
  // Without the "?".
  std::string query;
  // Lower-case names.
  std::map<std::string, std::string> fields;
  // As long as its Content-Length says.
  std::string body;
};

// An answer and what goes wrong with it.
struct FakeReply {
  int status = 200;
  std::string body;
  // Sends `body` so many times.
  int64_t repeat = 1;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;

  enum class Framing { kLength, kChunked, kNone };
  Framing framing = Framing::kLength;

  // Sends only so many bytes of the body …
  std::optional<int64_t> cut_at;
  // … then these …
  std::string append;
  // … and then the final chunk, as if that were all; else it just closes.
  bool cut_clean = false;
  // Sends so many bytes and then nothing until the client goes away.
  std::optional<int64_t> stall_at;
  // Waits before the head. Ends early when the client goes away.
  std::chrono::milliseconds delay{0};
  // Bytes per write (and per chunk), and the pause after each.
  size_t write_bytes = 64 << 10;
  std::chrono::milliseconds write_delay{0};
  // Closes without a byte.
  bool hang_up = false;
  // Sent instead of everything else.
  std::string raw;

  static FakeReply Json(std::string body, int status = 200);
  static FakeReply Error(int status, const std::string& message);
  // A chunked stream, as save streams are.
  static FakeReply Tar(std::string bytes);
};

class FakeEngine {
 public:
  using Handler = std::function<FakeReply(const FakeRequest&)>;

  enum class Listen { kUnix, kTcp };

  explicit FakeEngine(Listen listen = Listen::kUnix);
  ~FakeEngine();
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  // "unix:///…/engine.sock", or "tcp://127.0.0.1:40123"
  std::string host() const {
    return listen_ == Listen::kUnix ? "unix://" + socket_path().string()
                                    : "tcp://" + address();
  }
  // Of kTcp: "127.0.0.1:40123", kept over Stop() and Start().
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::filesystem::path socket_path() const { return dir_ / "engine.sock"; }
  // A directory of its own; vanishes with it.
  const std::filesystem::path& dir() const { return dir_; }

  // What /_ping tells and which versions are refused. Default 1.41, 1.12.
  void SetVersions(const std::string& newest, const std::string& oldest);
  // Answers as podman: its headers, and any version is taken.
  void SetPodman(bool podman);

  // `path` without version and query, percent-encoded. The last one given for
  // a path counts. Unknown paths get a 404 as dockerd's.
  void Route(const std::string& path, Handler handler);
  void Route(const std::string& path, FakeReply reply);
  // Answers paths that have no route, for those that nobody can know before.
  void Otherwise(Handler handler);

  // Serves an image by name and by ID: inspect answers and the save stream.
  void AddImage(const std::string& reference, const std::string& id,
                const std::string& inspect_json, std::string save_tar);

  // Stops listening and removes the socket; Start() brings it back.
  void Stop();
  void Start();

  std::vector<FakeRequest> requests() const;
  // Requests of this path so far.
  int CountRequests(const std::string& path) const;
  // Connections that clients closed before their answer was complete.
  int aborted() const;
  // Waits until `aborted()` is at least `count`; false after `timeout`.
  bool WaitForAborted(int count, std::chrono::milliseconds timeout) const;
  // Waits until a request of `path` came in.
  bool WaitForRequest(const std::string& path,
                      std::chrono::milliseconds timeout) const;

 private:
  struct Connection;

  void ListenUnix();
  void ListenTcp();
  void Accept(int listener, int wake);
  void Serve(Connection& connection);
  FakeReply Answer(const FakeRequest& request);

  const Listen listen_;
  std::filesystem::path dir_;

  // Of the thread that uses the fake.
  Fd listener_;
  Fd wake_read_;
  Fd wake_write_;
  int port_ = 0;
  std::thread acceptor_;

  mutable std::mutex mu_;
  mutable std::condition_variable changed_;
  std::string newest_ = "1.41";
  std::string oldest_ = "1.12";
  bool podman_ = false;
  std::map<std::string, Handler> routes_;
  Handler otherwise_;
  std::vector<FakeRequest> requests_;
  int aborted_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// Thrown when the client goes away.
struct FakeClientGone {};

// The head of an HTTP request, taken apart.
FakeRequest ParseRequest(const std::string& head);

// Reads one request with its body.
FakeRequest ReadFakeRequest(int fd);

// Sends a reply with all that is wrong with it; of HEAD just its head.
void SendFakeReply(int fd, const std::string& method, const FakeReply& reply);

}  // namespace bottled::testing

#endif  // BOTTLED_TESTS_FAKES_FAKE_ENGINE_H_
