// SPDX-License-Identifier: MIT
//
// Containers and strings of libc++, as a C++ program mixes them: an index of words, a priority
// queue of events, graphs of shared nodes, and tables that are rebuilt.

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "program.hpp"

namespace {

using lite_alloc::bench::Checksum;
using lite_alloc::bench::Random;

std::string word(Random& random) {
  std::string text;
  for (std::uint32_t length = 3 + random.below(28); length != 0; --length) {
    text += static_cast<char>('a' + random.below(6));
  }
  return text;
}

/// Which lines contain a word, with lines that come and go.
void index_words(Random& random, Checksum& sum, std::uint32_t lines) {
  std::unordered_map<std::string, std::vector<std::uint32_t>> index;
  std::deque<std::vector<std::string>> recent;
  for (std::uint32_t line = 0; line < lines; ++line) {
    std::vector<std::string> words;
    for (std::uint32_t count = 4 + random.below(12); count != 0; --count) {
      words.push_back(word(random).substr(0, 2 + random.below(20)));
      index[words.back()].push_back(line);
    }
    recent.push_back(std::move(words));
    if (recent.size() <= 500) continue;
    for (const std::string& old : recent.front()) index.erase(old);
    recent.pop_front();
  }
  std::map<std::string, std::vector<std::uint32_t>> sorted(index.begin(), index.end());
  for (const auto& [text, where] : sorted) {
    sum.add(text.data(), text.size());
    sum.add(static_cast<std::uint32_t>(where.size()));
  }
}

struct Event {
  std::uint32_t time;
  std::string name;
  std::unique_ptr<std::vector<std::uint32_t>> data;
};

void simulate(Random& random, Checksum& sum, std::uint32_t steps) {
  const auto later = [](const std::shared_ptr<Event>& one, const std::shared_ptr<Event>& other) {
    return one->time > other->time || (one->time == other->time && one->name > other->name);
  };
  std::priority_queue<std::shared_ptr<Event>, std::vector<std::shared_ptr<Event>>, decltype(later)>
      events(later);
  std::map<std::string, std::list<std::uint32_t>> log;
  std::uint32_t now = 0;
  for (std::uint32_t step = 0; step < steps; ++step) {
    auto event = std::make_shared<Event>();
    event->time = now + random.below(1000);
    event->name = word(random);
    event->data = std::make_unique<std::vector<std::uint32_t>>(1 + random.below(60), step);
    events.push(std::move(event));
    if (events.size() < 2000) continue;
    const std::shared_ptr<Event> first = events.top();
    events.pop();
    now = first->time;
    std::list<std::uint32_t>& entries = log[first->name.substr(0, 4)];
    entries.push_back(first->data->back());
    if (entries.size() > 30) entries.clear();
  }
  for (const auto& [name, entries] : log) {
    sum.add(name.data(), name.size());
    for (const std::uint32_t entry : entries) sum.add(entry);
  }
}

struct Node {
  std::uint32_t key;
  std::shared_ptr<Node> left;
  std::shared_ptr<Node> right;
};

std::uint32_t depth_sum(const Node* node, std::uint32_t depth) {
  if (node == nullptr) return 0;
  return depth + depth_sum(node->left.get(), depth + 1) + depth_sum(node->right.get(), depth + 1);
}

void grow_trees(Random& random, Checksum& sum, std::uint32_t trees) {
  std::vector<std::shared_ptr<Node>> forest(20);
  for (std::uint32_t tree = 0; tree < trees; ++tree) {
    std::shared_ptr<Node> root;
    for (std::uint32_t count = 400; count != 0; --count) {
      const std::uint32_t key = random.below(100'000);
      std::shared_ptr<Node>* link = &root;
      while (*link != nullptr) link = key < (*link)->key ? &(*link)->left : &(*link)->right;
      *link = std::make_shared<Node>(Node{.key = key, .left = nullptr, .right = nullptr});
    }
    sum.add(depth_sum(root.get(), 0));
    forest[random.below(static_cast<std::uint32_t>(forest.size()))] = std::move(root);
  }
}

}  // namespace

std::uint32_t run_program(std::uint32_t scale) {
  Random random;
  Checksum sum;
  index_words(random, sum, 150 * scale);
  simulate(random, sum, 2000 * scale);
  grow_trees(random, sum, 12 * scale);
  return sum.value();
}
