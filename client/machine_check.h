// Comparing a machine of smolvm with what a plan demands of it, so that a
// launcher can fail closed: smolvm accepts some flags and then ignores them.
//
// Source of the fields: smolvm 1.32.2, `machine ls --json`. Optional ones
// ("allowed_cidrs", "allowed_hosts", "dns") are there only when set; a pattern
// given with --allow-host-pattern shows in "allowed_hosts" alone.

#ifndef BOTTLED_CLIENT_MACHINE_CHECK_H_
#define BOTTLED_CLIENT_MACHINE_CHECK_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bottled/v1/bottle.pb.h"

namespace bottled::client {

// What of `machine` in the output of `smolvm machine ls --json` is not as
// `verify` says: printable phrases; empty = all is. What cannot be read, is
// absent, or is there twice is a difference. Pure.
std::vector<std::string> CompareMachine(std::string_view ls_json,
                                        std::string_view machine,
                                        const v1::PlanVerify& verify);

// Runs smolvm, found in the PATH of `env_list`, and compares. VERIFY_FAILED
// with all differences, or when smolvm gives no answer; PROGRAM_NOT_FOUND;
// CANCELLED once `interrupt_fd` is readable. Blocks, at most 30 s.
absl::Status CheckMachine(const v1::Plan& plan, const std::string& machine,
                          const std::vector<std::string>& env_list,
                          int interrupt_fd);

}  // namespace bottled::client

#endif  // BOTTLED_CLIENT_MACHINE_CHECK_H_
