#include "platform/host_load.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "platform/temp_dir.h"

namespace bottled {
namespace {

constexpr char kPressure[] =
    "some avg10=12.50 avg60=3.01 avg300=0.00 total=123\n"
    "full avg10=7.25 avg60=0.00 avg300=0.00 total=45\n";

class HostLoadTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << text;
  }
  void Supply(const std::string& name, const std::string& type,
              const std::string& file, const std::string& text) {
    Write("sys/class/power_supply/" + name + "/type", type + "\n");
    Write("sys/class/power_supply/" + name + "/" + file, text + "\n");
  }
  bool OnBatteryNow() { return ReadHostLoad(dir_.path()).on_battery; }

  TempDir dir_;
};

TEST(PressureOf, ReadsTheKernelsForm) {
  EXPECT_DOUBLE_EQ(PressureOf(kPressure, "some"), 12.5);
  EXPECT_DOUBLE_EQ(PressureOf(kPressure, "full"), 7.25);
  for (const char* text :
       {"", "some", "some avg10=", "some avg10=x", "some avg10=-1",
        "some avg10=101", "awesome avg10=5", "some avg10=nan"}) {
    EXPECT_EQ(PressureOf(text, "some"), 0) << text;
  }
}

TEST_F(HostLoadTest, ReadsBothFiles) {
  Write("proc/pressure/memory", kPressure);
  Write("proc/pressure/io", kPressure);
  const HostLoad load = ReadHostLoad(dir_.path());
  EXPECT_DOUBLE_EQ(load.memory_stalled, 12.5);
  EXPECT_DOUBLE_EQ(load.io_stalled, 7.25);
}

TEST_F(HostLoadTest, NothingThereIsNoLoad) {
  const HostLoad load = ReadHostLoad(dir_.path());
  EXPECT_EQ(load.memory_stalled, 0);
  EXPECT_EQ(load.io_stalled, 0);
  EXPECT_FALSE(load.on_battery);
}

TEST_F(HostLoadTest, ADischargingBatteryCountsUnlessPluggedIn) {
  Supply("BAT0", "Battery", "status", "Discharging");
  EXPECT_TRUE(OnBatteryNow());
  Supply("AC", "Mains", "online", "0");
  EXPECT_TRUE(OnBatteryNow());
  Supply("AC", "Mains", "online", "1");
  EXPECT_FALSE(OnBatteryNow());
}

TEST_F(HostLoadTest, AMouseIsNoLaptop) {
  Supply("hidpp", "Battery", "status", "Discharging");
  Supply("hidpp", "Battery", "scope", "Device");
  EXPECT_FALSE(OnBatteryNow());
}

TEST_F(HostLoadTest, AFullBatteryIsMains) {
  Supply("BAT0", "Battery", "status", "Full");
  EXPECT_FALSE(OnBatteryNow());
}

}  // namespace
}  // namespace bottled
