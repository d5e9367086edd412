#include "pack/kept_tools.h"

#include <zlib.h>

#include <fstream>
#include <iterator>

#include "base/error.h"
#include "fmt/format.h"
#include "image/archive_reader.h"
#include "image/tar_builder.h"
#include "pack/errors.h"
#include "pack/native_packer.h"

namespace bottled {
namespace {

namespace fs = std::filesystem;

// What an engine with compressed blobs would write.
std::string MakeStackArchive(const Stack& stack) {
  TestImage image;
  nlohmann::json paths = nlohmann::json::array();
  TarBuilder tar;
  std::set<std::string> written;
  for (const Layer& layer : stack) {
    image.layers.push_back(layer.tar);
    const std::string& stored = layer.stored.empty() ? layer.tar : layer.stored;
    paths.push_back("blobs/sha256/" + Sha256Of(stored).hex());
    if (written.insert(paths.back()).second) {
      tar.AddFile(paths.back(), stored);
    }
  }
  const std::string config = TestConfigBlob(image);
  const std::string config_path = "blobs/sha256/" + Sha256Of(config).hex();
  tar.AddFile(config_path, config);
  const nlohmann::json entry = {
      {"Config", config_path}, {"RepoTags", image.tags}, {"Layers", paths}};
  tar.AddFile("manifest.json", nlohmann::json::array({entry}).dump());
  return tar.Finish();
}

ArchiveOptions Expecting(const Stack& stack, const ImageLimits& limits) {
  ArchiveOptions options;
  options.platform = {"linux", "amd64", ""};
  options.limits = limits;
  for (const Layer& layer : stack) {
    options.expected_diff_ids.push_back(Sha256Of(layer.tar));
  }
  return options;
}

}  // namespace

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(
      deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
      Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string RandomLayer(std::mt19937& random) {
  const auto below = [&](size_t n) { return random() % n; };
  const auto name = [&] { return std::string(1, "abcdefgh"[below(8)]); };
  TarBuilder tar;
  std::vector<std::string> files;
  std::set<std::string> used;
  for (size_t n = 2 + below(8); n > 0; --n) {
    const std::string dir = "d" + name();
    std::string path = dir;
    path.append("/").append(name());
    if (!used.insert(path).second) {
      continue;
    }
    switch (below(8)) {
      case 0:
        tar.AddFile(dir + "/.wh." + path.substr(path.size() - 1), "");
        break;
      case 1:
        if (!files.empty()) {
          tar.AddHardlink(path, files[below(files.size())]);
        }
        break;
      case 2:
        tar.AddSymlink(path, "../x");
        break;
      case 3:
        tar.AddFile(dir + "/.wh..wh..opq", "");
        break;
      default: {
        // Now and then one of several blocks.
        const size_t size =
            below(25) == 0 ? (size_t{4} << 20) + below(9999) : below(20'000);
        tar.AddFile(path, Noise(size, static_cast<unsigned>(random())));
        files.push_back(path);
      }
    }
  }
  tar.AddFile("unique", Noise(40, static_cast<unsigned>(random())));
  return tar.Finish();
}

std::string Slurp(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Spill(const fs::path& path, const std::string& bytes) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

void Damage(const fs::path& path, std::mt19937& random) {
  if (path.empty()) {
    return;
  }
  std::string bytes = Slurp(path);
  const size_t at = random() % bytes.size();
  if (random() % 3 == 0) {
    bytes.resize(at);
  } else {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
  }
  Spill(path, bytes);
}

fs::path Any(const fs::path& dir, std::mt19937& random) {
  std::set<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(dir)) {
    paths.insert(entry.path());
  }
  return paths.empty()
             ? fs::path()
             : *std::next(paths.begin(),
                          static_cast<ptrdiff_t>(random() % paths.size()));
}

KeptFixture::KeptFixture() {
  places_.cache_dir = dir_.path() / "cache";
  fs::create_directories(places_.stage());
  layers_ = Open({.max_bytes = INT64_MAX});
}

std::unique_ptr<KeptLayers> KeptFixture::Open(
    const KeptLayers::Options& options) {
  auto layers = KeptLayers::Open(places_, options);
  EXPECT_TRUE(layers.ok()) << layers.status();
  return *std::move(layers);
}

absl::StatusOr<KeptFixture::Packed> KeptFixture::TryPack(
    const Stack& stack, const ImageLimits& limits,
    const std::function<void()>& before_finish, bool reuse) {
  const ArchiveOptions options = Expecting(stack, limits);
  // Before the packer, whose head start shall not have all that time.
  TextSource source(MakeStackArchive(stack));
  auto packer = NativePacker::Create(
      {.stage_dir = places_.stage(),
       .pack = {},
       .threads = 2,
       .kept = layers_.get(),
       .reuse = reuse ? options.expected_diff_ids : std::vector<Digest>(),
       .similar_bytes = similar_bytes_,
       .max_head_start_frames = max_head_start_frames_},
      {});
  EXPECT_TRUE(packer.ok()) << packer.status();
  const auto image =
      ReadArchive(source, options, (*packer)->layers(), nullptr, {});
  if (!image.ok()) {
    return image.status();
  }
  if (wait_for_head_start_) {
    (*packer)->WaitForHeadStart();
  }
  before_finish();
  const auto sidecar =
      (*packer)->Finish(*image, [](NativePacker::Phase, int64_t, int64_t) {});
  if (!sidecar.ok()) {
    return sidecar.status();
  }
  Packed packed{.bytes = Slurp(sidecar->path),
                .digest = sidecar->digest,
                .reused = (*packer)->reused().layers,
                .head_start = (*packer)->head_start_bytes(),
                .unpacked_bytes = sidecar->unpacked_bytes};
  EXPECT_EQ(packed.digest, Sha256Of(packed.bytes));
  // As a publication: what is there already is verified, or replaced.
  const fs::path object = places_.object(packed.digest.hex());
  fs::create_directories(object.parent_path());
  fs::rename(sidecar->path, object);
  (*packer)->Keep(packed.digest);
  EXPECT_TRUE(fs::is_empty(places_.stage()));
  return packed;
}

KeptFixture::Packed KeptFixture::Pack(const Stack& stack) {
  auto packed = TryPack(stack);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return packed.ok() ? *std::move(packed) : Packed();
}

KeptFixture::Packed KeptFixture::PackAsAJobWould(const Stack& stack) {
  auto packed = TryPack(stack);
  if (HasReason(packed.status(), kKeptLayerDamaged)) {
    packed = TryPack(stack, {}, [] {}, /*reuse=*/false);
  }
  EXPECT_TRUE(packed.ok()) << packed.status();
  return packed.ok() ? *std::move(packed) : Packed();
}

std::string KeptFixture::Cold(const Stack& stack) {
  const TestDir dir;
  const auto packed = PackArchive(MakeStackArchive(stack), dir);
  EXPECT_TRUE(packed.ok()) << packed.status();
  return packed.ok() ? Slurp(packed->path) : "";
}

std::set<std::string> KeptFixture::Names() const {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(places_.layers())) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

}  // namespace bottled
