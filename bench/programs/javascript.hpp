// SPDX-License-Identifier: MIT
#pragma once

namespace lite_alloc::bench {

/// A script that engines of ECMAScript 5 can run. It expects `scale`, and its value is the
/// checksum: trees, objects with prototypes, closures, strings, regular expressions, JSON and
/// sorting.
inline constexpr const char* kJavaScript = R"js(
var sum = 0;
function add(n) { sum = (sum * 31 + n) % 4294967291; }

function tree(depth) {
  return depth === 0 ? { left: null, right: null } : { left: tree(depth - 1), right: tree(depth - 1) };
}
function count(t) { return t.left ? 1 + count(t.left) + count(t.right) : 1; }

function Account(name) { this.name = name; this.entries = []; this.balance = 0; }
Account.prototype.post = function (amount, text) {
  this.balance += amount;
  this.entries.push({ amount: amount, text: text });
};

var state = 42;
function random(n) { state = (state * 69069 + 1) % 2147483648; return Math.floor(state / 256) % n; }
function repeat(text, n) { var all = ''; while (n-- > 0) all += text; return all; }

for (var round = 1; round <= scale; round++) {
  add(count(tree(8)));
  var accounts = [];
  for (var i = 0; i < 30; i++) accounts.push(new Account('account ' + i));
  for (i = 0; i < 600; i++) accounts[random(30)].post(random(1000) - 500, 'entry ' + i + ' of ' + round);
  accounts.sort(function (a, b) {
    return a.balance - b.balance || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  });
  for (i = 0; i < accounts.length; i++) add(accounts[i].balance + 100000 + accounts[i].entries.length);
  var copy = JSON.parse(JSON.stringify(accounts));
  for (i = 0; i < copy.length; i++) add(copy[i].entries.length);
  var lines = [];
  for (i = 0; i < 100; i++) lines.push(random(99999) + ';' + repeat('x', random(40)) + ';' + i);
  var text = lines.join('\n');
  add(text.length);
  add(text.replace(/x+/g, function (run) { return run.length + ','; }).length);
  var parts = text.split(/[;\n]/);
  for (i = 0; i < parts.length; i++) add(parts[i].length);
  var words = {};
  for (i = 0; i < 400; i++) { var word = 'w' + random(200); words[word] = (words[word] || 0) + 1; }
  var keys = Object.keys(words).sort();
  for (i = 0; i < keys.length; i++) add(words[keys[i]]);
  var steps = [];
  for (i = 0; i < 100; i++) steps.push((function (previous, n) {
    return function (value) { return previous && n % 7 ? previous(value) + 1 : value; };
  })(steps[i - 1], i));
  add(steps[99](round));
}
sum;
)js";

}  // namespace lite_alloc::bench
