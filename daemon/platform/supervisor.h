// The supervisor: a process between ours and a program that must not outlive
// us, nor may anything that the program started, in whatever session it hides.
//
// Process::Start() runs it when ProcessSpec names one: our own executable once
// more, with kSuperviseFlag. It adopts all orphans below it (Linux:
// PR_SET_CHILD_SUBREAPER), runs the program with the standard streams that it
// was given, and ends as the program ends, once nothing of it is left. It holds
// the reading end of a pipe, the lifeline: when that ends, because we were
// killed, it ends the program: SIGTERM to all, SIGKILL after kSuperviseGrace.
// SIGUSR1 makes it send SIGKILL to all at once.

#ifndef BOTTLED_PLATFORM_SUPERVISOR_H_
#define BOTTLED_PLATFORM_SUPERVISOR_H_

#include <chrono>

namespace bottled {

inline constexpr char kSuperviseFlag[] = "--supervise";
// The same, and what the program makes may be read by everybody: umask 022.
inline constexpr char kSupervisePublicFlag[] = "--supervise-public";
// Where the supervisor finds its lifeline.
inline constexpr int kLifelineFd = 3;
inline constexpr std::chrono::seconds kSuperviseGrace(5);

// True when this process was started as a supervisor: `argv` is
// NAME FLAG PROGRAM ARGV0…, with one of the flags above.
bool IsSupervisor(int argc, const char* const* argv);

// main() of a supervisor. Call it first of all, before there are threads.
// Returns the exit status; a program that was ended by a signal ends this
// process by the same one. 127 when the program cannot be started.
int Supervise(int argc, const char* const* argv);

}  // namespace bottled

#endif  // BOTTLED_PLATFORM_SUPERVISOR_H_
