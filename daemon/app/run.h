// RunDaemon: main() without the process: parse, start, wait for a signal, stop.

#ifndef BOTTLED_APP_RUN_H_
#define BOTTLED_APP_RUN_H_

namespace bottled {

// Returns one of exit_codes.h. Errors go to stderr, help to stdout.
int RunDaemon(int argc, const char* const* argv);

}  // namespace bottled

#endif  // BOTTLED_APP_RUN_H_
