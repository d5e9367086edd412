// RunInChild: runs code in a forked copy of the test process, for what changes
// a process beyond repair.

#ifndef BOTTLED_TESTS_PLATFORM_IN_CHILD_H_
#define BOTTLED_TESTS_PLATFORM_IN_CHILD_H_

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

namespace bottled {

// The empty text when `body` returned it; else what it returned, or how the
// child ended.
inline std::string RunInChild(const std::function<std::string()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) {
    return "pipe failed";
  }
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    // High, so that low numbers are free for the body.
    const int out = ::dup2(ends[1], 200);
    ::close(ends[0]);
    ::close(ends[1]);
    const std::string text = body();
    const ssize_t put = ::write(out, text.data(), text.size());
    ::_exit(put == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(ends[0], buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) {
    return "fork failed";
  }
  if (text.empty() && status != 0) {
    return "the child ended with status " + std::to_string(status);
  }
  return text;
}

}  // namespace bottled

#endif  // BOTTLED_TESTS_PLATFORM_IN_CHILD_H_
