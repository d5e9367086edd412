// bottlectl: the command-line client of bottled.

#include <signal.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "client/run.h"

extern "C" char** environ;

int main(int argc, char** argv) {
  // Written sockets and pipes report errors instead.
  ::signal(SIGPIPE, SIG_IGN);
  std::vector<std::string> env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    env.emplace_back(*entry);
  }
  return bottled::client::Run(argc, argv, bottled::ProcessEnv(), env);
}
