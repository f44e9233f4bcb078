#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

/// A request may name a topic or a partition twice. As in Kafka each is answered once, in the place of its first mention,
/// and the last mention of a partition counts. Sorting, not hashing: the names are the peer's choice.

namespace millrace::api::kafka {

/// Topics and partitions that one request may name; the memory for them is many times that of their bytes.
constexpr uint64_t request_parts_max = 200'000;

/// Calls same(later, first) for everything among 0 .. count-1 that `less` finds equal to an earlier one, in ascending
/// order of `later` for each `first`. `order` is scratch memory.
template <class Less, class Same>
void find_repeated(std::vector<uint32_t>& order, size_t count, Less&& less, Same&& same) {
  constexpr size_t few = 8;
  if (count <= few) {
    for (size_t i = 1; i < count; ++i) {
      size_t j = 0;
      while (j < i && (less(i, j) || less(j, i))) ++j;
      if (j < i) same(i, j);
    }
    return;
  }
  order.resize(count);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (less(a, b)) return true;
    return !less(b, a) && a < b;
  });
  size_t first = order[0];
  for (size_t i = 1; i < count; ++i) {
    if (less(first, order[i])) {
      first = order[i];
    } else {
      same(order[i], first);
    }
  }
}

/// Brings `entries` into the order of their topics with no partition twice; `replace(first, last)` takes over what the
/// last mention asks. Topic: name, id, partitions (set to what is left of it). Entry: topic (of its place), index.
template <class Topic, class Entry, class Replace>
void name_once(std::vector<Topic>& topics, size_t topic_count, std::vector<Entry>& entries, std::vector<uint32_t>& order,
               Replace&& replace) {
  bool moved = false;
  std::vector<uint32_t> same_topic;
  find_repeated(
      order, topic_count,
      [&](size_t a, size_t b) {
        return topics[a].name != topics[b].name ? topics[a].name < topics[b].name : topics[a].id < topics[b].id;
      },
      [&](size_t later, size_t first) {
        if (!moved) {
          same_topic.resize(topic_count);
          std::iota(same_topic.begin(), same_topic.end(), 0u);
          moved = true;
        }
        same_topic[later] = static_cast<uint32_t>(first);
      });
  if (moved) {
    for (Entry& e : entries) e.topic = same_topic[e.topic];
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.topic < b.topic; });
  }
  constexpr size_t nobody = SIZE_MAX;
  find_repeated(
      order, entries.size(),
      [&](size_t a, size_t b) {
        return entries[a].topic != entries[b].topic ? entries[a].topic < entries[b].topic
                                                    : entries[a].index < entries[b].index;
      },
      [&](size_t later, size_t first) {
        replace(entries[first], entries[later]);
        entries[later].topic = nobody;
      });
  std::erase_if(entries, [](const Entry& e) { return e.topic == nobody; });
  for (size_t t = 0; t < topic_count; ++t) topics[t].partitions = 0;
  for (const Entry& e : entries) ++topics[e.topic].partitions;
}

}  // namespace millrace::api::kafka
