// JobClass: how urgent a job is. A caller asks in one class; the job has the
// most urgent one of those who want it, so an interactive caller who joins a
// warm job promotes it, and lowers it again by leaving.

#ifndef BOTTLED_JOBS_JOB_CLASS_H_
#define BOTTLED_JOBS_JOB_CLASS_H_

namespace bottled {

// From the most urgent to the least.
enum class JobClass {
  // Somebody asked for it.
  kInteractive,
  // Made ahead of need: it takes what interactive jobs leave (see scheduler.h).
  kWarm,
};

}  // namespace bottled

#endif  // BOTTLED_JOBS_JOB_CLASS_H_
