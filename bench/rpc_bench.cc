// rpc_bench SOCKET HOME COUNT: times calls of a daemon that is running, as a
// C++ client sees them on one connection: GetInfo, and Resolve of the agent
// "researcher" of HOME, for a new bottle and for one that is resumed, in turn.
// Prints minimum, median and 95th percentile in milliseconds, a call a line.
//
// No engine is named, and the daemon's default should not answer: docker's
// part is not what is timed here.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "bottled/v1/bottled.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"

namespace bottled {
namespace {

class Timer {
 public:
  explicit Timer(std::string name) : name_(std::move(name)) {}

  // Returns false, and says why, when the call fails.
  bool Time(const std::function<grpc::Status(grpc::ClientContext&)>& call) {
    grpc::ClientContext context;
    const auto begin = std::chrono::steady_clock::now();
    const grpc::Status status = call(context);
    const auto end = std::chrono::steady_clock::now();
    if (!status.ok()) {
      fmt::print(stderr, "{}: {}\n", name_, status.error_message());
      return false;
    }
    ms_.push_back(
        std::chrono::duration<double, std::milli>(end - begin).count());
    return true;
  }

  void Print() {
    std::sort(ms_.begin(), ms_.end());
    fmt::print("{:18} {:8.3f} {:8.3f} {:8.3f}\n", name_, ms_.front(),
               ms_[ms_.size() / 2], ms_[ms_.size() * 95 / 100]);
  }

 private:
  const std::string name_;
  std::vector<double> ms_;
};

int Run(const std::string& socket, const std::string& home, int count) {
  const auto stub = v1::Bottled::NewStub(grpc::CreateChannel(
      "unix:" + socket, grpc::InsecureChannelCredentials()));
  v1::ResolveRequest fresh;
  fresh.mutable_bottle()->set_agent("researcher");
  fresh.mutable_bottle()->set_home(home);
  fresh.mutable_bottle()->set_cwd(home);
  v1::ResolveResponse plan;
  v1::GetInfoResponse info;
  const auto resolve = [&](const v1::ResolveRequest& request) {
    return [&](grpc::ClientContext& context) {
      return stub->Resolve(&context, request, &plan);
    };
  };
  if (Timer warm("the first"); !warm.Time(resolve(fresh))) {
    return EXIT_FAILURE;
  }
  v1::ResolveRequest resumed;
  resumed.mutable_bottle()->set_resume(plan.plan().slug());
  Timer get_info("GetInfo");
  Timer resolve_new("Resolve, new");
  Timer resolve_resumed("Resolve, resumed");
  for (int i = 0; i < count; ++i) {
    const bool ok = get_info.Time([&](grpc::ClientContext& context) {
      return stub->GetInfo(&context, v1::GetInfoRequest(), &info);
    }) && resolve_new.Time(resolve(fresh)) &&
                    resolve_resumed.Time(resolve(resumed));
    if (!ok) {
      return EXIT_FAILURE;
    }
  }
  get_info.Print();
  resolve_new.Print();
  resolve_resumed.Print();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace bottled

int main(int argc, char** argv) {
  const int count = argc == 4 ? std::atoi(argv[3]) : 0;
  if (count <= 0) {
    fmt::print(stderr, "usage: rpc_bench SOCKET HOME COUNT\n");
    return EXIT_FAILURE;
  }
  return bottled::Run(argv[1], argv[2], count);
}
