#include "client/machine_check.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace bottled::client {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::PlanVerify Wanted() {
  v1::PlanVerify verify;
  verify.set_network(true);
  verify.add_allowed_cidrs("172.16.192.18/32");
  verify.set_dns("172.16.192.18");
  (*verify.mutable_labels())["bottle"] = "a-12345";
  return verify;
}

// As smolvm 1.32.2 prints it, without what nobody compares.
json Machine() {
  return {{"name", "box"},
          {"allowed_cidrs", {"172.16.192.18/32"}},
          {"dns", "172.16.192.18"},
          {"network", true},
          {"state", "created"},
          {"ports", 0},
          {"labels", {{"bottle", "a-12345"}, {"other", "x"}}}};
}

TEST(MachineCheckTest, AMachineAsPlanned) {
  const json list = {{{"name", "other"}, {"network", false}}, Machine()};
  EXPECT_THAT(CompareMachine(list.dump(), "box", Wanted()), IsEmpty());
}

TEST(MachineCheckTest, EveryDifferenceIsFound) {
  struct Case {
    const char* patch;  // RFC 7386
    const char* difference;
  };
  const Case cases[] = {
      {R"({"network": false})", "network is false, not true"},
      {R"({"network": null})", "network is none"},
      {R"({"network": "true"})", "network is \"true\""},
      {R"({"allowed_cidrs": null})", "allowed_cidrs is none, not exactly"},
      {R"({"allowed_cidrs": []})", "allowed_cidrs is []"},
      {R"({"allowed_cidrs": ["172.16.192.18/28"]})", "/28"},
      {R"({"allowed_cidrs": ["172.16.192.18/32", "0.0.0.0/0"]})", "0.0.0.0/0"},
      {R"({"allowed_cidrs": "172.16.192.18/32"})", "allowed_cidrs"},
      {R"({"allowed_cidrs": [1]})", "allowed_cidrs is [1]"},
      {R"({"allowed_hosts": ["*.example.com"]})", "allowed_hosts"},
      {R"({"dns": null})", "dns is none, not 172.16.192.18"},
      {R"({"dns": "8.8.8.8"})", "dns is \"8.8.8.8\""},
      {R"({"dns": ["172.16.192.18"]})", "dns is ["},
      {R"({"labels": null})", "label bottle is none"},
      {R"({"labels": "bottle"})", "label bottle is none"},
      {R"({"labels": {"bottle": "b-12345"}})", "\"b-12345\""},
      {R"({"labels": {"bottle": 7}})", "label bottle is 7"},
  };
  for (const Case& each : cases) {
    json machine = Machine();
    machine.merge_patch(json::parse(each.patch));
    EXPECT_THAT(CompareMachine(json::array({machine}).dump(), "box", Wanted()),
                ElementsAre(HasSubstr(each.difference)))
        << each.patch;
  }
}

TEST(MachineCheckTest, AnExplicitNullIsNoValue) {
  json machine = Machine();
  machine["dns"] = nullptr;
  machine["allowed_hosts"] = nullptr;
  EXPECT_THAT(CompareMachine(json::array({machine}).dump(), "box", Wanted()),
              ElementsAre(HasSubstr("dns")));
}

TEST(MachineCheckTest, AllDifferencesAtOnce) {
  const json list = {{{"name", "box"}, {"network", false}}};
  EXPECT_EQ(CompareMachine(list.dump(), "box", Wanted()).size(), 4u);
}

TEST(MachineCheckTest, TheOrderOfNetworksDoesNotMatter) {
  v1::PlanVerify verify = Wanted();
  verify.add_allowed_cidrs("10.0.0.1/32");
  json machine = Machine();
  machine["allowed_cidrs"] = {"10.0.0.1/32", "172.16.192.18/32"};
  EXPECT_THAT(CompareMachine(json::array({machine}).dump(), "box", verify),
              IsEmpty());
}

TEST(MachineCheckTest, WhatCannotBeReadIsNotAsPlanned) {
  const std::string twice = json::array({Machine(), Machine()}).dump();
  const struct {
    std::string text;
    const char* difference;
  } cases[] = {
      {"", "no list"},
      {"[", "no list"},
      {"{}", "no list"},
      {"null", "no list"},
      {"[{\"name\": \"\xff\"}]", "no list"},
      {std::string(100'000, '['), "no list"},
      {"[]", "no such machine"},
      {"[1, null, \"box\", [], {\"name\": 1}, {}]", "no such machine"},
      {twice, "two machines"},
  };
  for (const auto& each : cases) {
    EXPECT_THAT(CompareMachine(each.text, "box", Wanted()),
                ElementsAre(HasSubstr(each.difference)))
        << each.text.substr(0, 60);
  }
}

TEST(MachineCheckTest, DifferencesArePrintable) {
  json machine = Machine();
  machine["dns"] = "\x1b[31m";
  machine["labels"]["bottle"] = std::string(5000, 'x');
  for (const std::string& each :
       CompareMachine(json::array({machine}).dump(), "box", Wanted())) {
    EXPECT_EQ(each.find('\x1b'), std::string::npos);
    EXPECT_LT(each.size(), 1000u);
  }
}

// A smolvm that is a script.
class MachineCheckRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "machine_check.XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    plan_.set_slug("a-12345");
    *plan_.mutable_verify() = Wanted();
  }
  void TearDown() override {
    std::filesystem::remove(dir_ / "smolvm");
    std::filesystem::remove(dir_);
  }

  absl::Status Run(const std::string& script, const std::string& machine) {
    const std::filesystem::path program = dir_ / "smolvm";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    ::chmod(program.c_str(), 0700);
    return CheckMachine(plan_, machine,
                        {"PATH=" + dir_.native() + ":/usr/bin:/bin"}, -1);
  }

  std::filesystem::path dir_;
  v1::Plan plan_;
};

TEST_F(MachineCheckRunTest, AsksSmolvm) {
  const std::string script =
      "[ \"$*\" = 'machine ls --json' ] || exit 9\n"
      "echo note >&2; cat <<'END'\n" +
      json::array({Machine()}).dump() + "\nEND";
  EXPECT_TRUE(Run(script, "box").ok()) << Run(script, "box");
  const absl::Status absent = Run(script, "bax");
  EXPECT_TRUE(HasReason(absent, "VERIFY_FAILED")) << absent;
  EXPECT_THAT(GetErrorDetail(absent).remedy, HasSubstr("a-12345"));
}

TEST_F(MachineCheckRunTest, NoAnswerIsAFailure) {
  for (const char* script : {"exit 1", "echo '[]'", "echo oops", ":"}) {
    const absl::Status status = Run(script, "box");
    EXPECT_TRUE(HasReason(status, "VERIFY_FAILED")) << status;
  }
}

TEST_F(MachineCheckRunTest, NoSmolvm) {
  const absl::Status status =
      CheckMachine(plan_, "box", {"PATH=" + dir_.native()}, -1);
  EXPECT_TRUE(HasReason(status, "PROGRAM_NOT_FOUND")) << status;
}

}  // namespace
}  // namespace bottled::client
