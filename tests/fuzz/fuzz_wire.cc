// What a server may send to bottlectl, cut at a place that the input chooses.

#include "client/grpc_wire.h"
#include "fuzz/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bottled::client;
  const std::string_view text = bottled::AsText(data, size);
  (void)PercentDecode(text);
  (void)Base64Decode(text);
  (void)ParseStatusCode(text);
  MessageAssembler assembler(4096);
  const size_t cut = size == 0 ? 0 : data[0] % size;
  if (assembler.Add(text.substr(0, cut)).ok() &&
      assembler.Add(text.substr(cut)).ok()) {
    while (assembler.Take().has_value()) {
    }
  }
  return 0;
}
