// Signals as ordinary events: blocked in every thread, taken with sigwait by
// one.

#ifndef BOTTLED_PLATFORM_SIGNALS_H_
#define BOTTLED_PLATFORM_SIGNALS_H_

namespace bottled {

// Blocks SIGINT, SIGTERM and SIGHUP for the calling thread and those it starts
// later, and ignores SIGPIPE. Call first thing in main().
void BlockSignals();

// Waits for one of the blocked signals and returns its number.
int WaitForSignal();

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_SIGNALS_H_
