// watch_bench SOCKET JOB STREAMS CONNECTIONS: many WatchJob streams of one job,
// which runs all the time. Opens STREAMS of them over CONNECTIONS connections,
// says "open" in a line of JSON with what it measured (milliseconds), and waits
// for a line on standard input. Then it cancels all streams, waits until the
// daemon has no more than before, opens them once more, and says "again".
//
// watch_bench ask SOCKET: what somebody else sees meanwhile. Calls GetInfo
// again and again until standard input ends, and says how long that took.
//
// scripts/soak judges the figures.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bottled/v1/bottled.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"

namespace bottled {
namespace {

using std::chrono::steady_clock;

constexpr double kPatienceMs = 60'000;

double MsSince(steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - begin)
      .count();
}

std::string Summary(std::vector<double> ms) {
  if (ms.empty()) {
    return "null";
  }
  std::sort(ms.begin(), ms.end());
  return fmt::format(R"({{"p50":{:.2f},"p99":{:.2f},"max":{:.2f}}})",
                     ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back());
}

// What all streams of one wave report to.
struct Wave {
  std::mutex mu;
  std::vector<double> first_ms;
  int failed = 0;
  int done = 0;
};

class Watch : public grpc::ClientReadReactor<v1::WatchJobResponse> {
 public:
  Watch(v1::Bottled::Stub& stub, const std::string& job, Wave& wave)
      : wave_(wave), begin_(steady_clock::now()) {
    request_.set_job_id(job);
    stub.async()->WatchJob(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      return;
    }
    if (!heard_) {
      heard_ = true;
      const std::lock_guard lock(wave_.mu);
      wave_.first_ms.push_back(MsSince(begin_));
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(wave_.mu);
    if (!heard_ && ++wave_.failed == 1) {
      fmt::print(stderr, "the first that failed: {}\n", status.error_message());
    }
    ++wave_.done;
  }

 private:
  Wave& wave_;
  const steady_clock::time_point begin_;
  grpc::ClientContext context_;
  v1::WatchJobRequest request_;
  v1::WatchJobResponse response_;
  bool heard_ = false;
};

class Streams {
 public:
  Streams(const std::string& socket, int connections) {
    for (int i = 0; i < connections; ++i) {
      stubs_.push_back(Connect(socket));
    }
  }

  static std::unique_ptr<v1::Bottled::Stub> Connect(const std::string& socket) {
    grpc::ChannelArguments arguments;
    // Or all of them would be one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::Bottled::NewStub(grpc::CreateCustomChannel(
        "unix:" + socket, grpc::InsecureChannelCredentials(), arguments));
  }

  // Opens them, and waits until each has heard something or failed.
  void Open(const std::string& job, int count) {
    wave_ = std::make_unique<Wave>();
    for (int i = 0; i < count; ++i) {
      watches_.emplace_back(*stubs_[i % stubs_.size()], job, *wave_);
    }
    Wait([this, count] {
      return static_cast<int>(wave_->first_ms.size()) + wave_->failed == count;
    });
  }

  // Cancels them, and waits until all are done, and the daemon has only
  // `others`, those of other processes. Milliseconds.
  double Close(int others) {
    const auto begin = steady_clock::now();
    for (Watch& watch : watches_) {
      watch.Cancel();
    }
    Wait([this] { return wave_->done == static_cast<int>(watches_.size()); });
    while (Watchers() > others) {
      if (MsSince(begin) > kPatienceMs) {
        fmt::print(stderr, "the daemon keeps its watchers\n");
        std::exit(EXIT_FAILURE);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const double ms = MsSince(begin);
    watches_.clear();
    return ms;
  }

  // Streams of the daemon, of this process and others.
  int Watchers() {
    grpc::ClientContext context;
    v1::GetInfoResponse info;
    const grpc::Status status =
        stubs_.front()->GetInfo(&context, v1::GetInfoRequest(), &info);
    if (!status.ok()) {
      fmt::print(stderr, "GetInfo: {}\n", status.error_message());
      std::exit(EXIT_FAILURE);
    }
    return info.watcher_count();
  }

  int failed() const { return wave_->failed; }
  const std::vector<double>& first_ms() const { return wave_->first_ms; }

 private:
  template <typename Done>
  void Wait(Done done) {
    while (true) {
      {
        const std::lock_guard lock(wave_->mu);
        if (done()) {
          return;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::vector<std::unique_ptr<v1::Bottled::Stub>> stubs_;
  std::unique_ptr<Wave> wave_;
  std::deque<Watch> watches_;
};

// GetInfo again and again.
class Asker {
 public:
  explicit Asker(const std::string& socket)
      : stub_(Streams::Connect(socket)), thread_([this] { Run(); }) {}

  std::vector<double> Stop() {
    done_ = true;
    thread_.join();
    return std::move(ms_);
  }

 private:
  void Run() {
    while (!done_) {
      grpc::ClientContext context;
      v1::GetInfoResponse response;
      const auto begin = steady_clock::now();
      if (stub_->GetInfo(&context, v1::GetInfoRequest(), &response).ok()) {
        ms_.push_back(MsSince(begin));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  std::unique_ptr<v1::Bottled::Stub> stub_;
  std::vector<double> ms_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

int Run(const std::string& socket, const std::string& job, int count,
        int connections) {
  Streams streams(socket, connections);
  const int others = streams.Watchers();
  streams.Open(job, count);
  fmt::print(R"({{"open":{},"failed":{},"first":{}}})"
             "\n",
             streams.first_ms().size(), streams.failed(),
             Summary(streams.first_ms()));
  std::fflush(stdout);
  while (std::getchar() != '\n' && !std::feof(stdin)) {
  }
  const double close_ms = streams.Close(others);
  streams.Open(job, count);
  fmt::print(R"({{"again":{},"failed":{},"cancel":{:.1f}}})"
             "\n",
             streams.first_ms().size(), streams.failed(), close_ms);
  streams.Close(others);
  return EXIT_SUCCESS;
}

int Ask(const std::string& socket) {
  Asker asker(socket);
  while (std::getchar() != EOF) {
  }
  const std::vector<double> ms = asker.Stop();
  fmt::print(R"({{"calls":{},"unary":{}}})"
             "\n",
             ms.size(), Summary(ms));
  return ms.empty() ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace bottled

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "ask") {
    return bottled::Ask(argv[2]);
  }
  const int count = argc == 5 ? std::atoi(argv[3]) : 0;
  const int connections = argc == 5 ? std::atoi(argv[4]) : 0;
  if (count <= 0 || connections <= 0) {
    fmt::print(stderr,
               "usage: watch_bench SOCKET JOB STREAMS CONNECTIONS\n"
               "       watch_bench ask SOCKET\n");
    return EXIT_FAILURE;
  }
  return bottled::Run(argv[1], argv[2], count, connections);
}
