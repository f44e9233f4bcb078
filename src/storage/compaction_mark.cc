#include "storage/compaction_mark.hh"

#include "base/bytes.hh"
#include "storage/layout.hh"
#include "storage/state_file.hh"

namespace millrace::storage {
namespace {

constexpr state_format format{.magic = 0x314b4d504d434d2eull, .version = 1};  // ".MCMPMK1"
constexpr size_t payload_bytes = 16;

}  // namespace

reactor::task<base::result<compaction_mark>> read_compaction_mark(reactor::core& on, std::string log_directory) {
  std::string path = layout::compaction_mark_file(log_directory);
  const base::result<std::string> read =
      co_await read_state(on, std::move(path), format, state_header_bytes + payload_bytes);
  if (!read && read.error().code == base::errc::not_found) co_return compaction_mark{};
  if (!read) co_return read.failure();
  if (read->size() != payload_bytes) co_return base::fail(base::errc::corrupt);
  const uint8_t* const at = base::as_bytes(*read).data();
  const compaction_mark mark{base::offset(base::load_little<int64_t>(at)), base::offset(base::load_little<int64_t>(at + 8))};
  co_return mark;
}

reactor::task<base::result<void>> write_compaction_mark(reactor::core& on, std::string log_directory, compaction_mark mark) {
  uint8_t payload[payload_bytes];
  base::store_little(payload, mark.clean_to.value());
  base::store_little(payload + 8, mark.gaps_to.value());
  std::string path = layout::compaction_mark_file(log_directory);
  std::string contents(base::as_text(payload));
  const base::result<void> written = co_await replace_state(on, std::move(path), format, std::move(contents));
  co_return written;
}

}  // namespace millrace::storage
