use super::*;

/// Cuts `text` as the language of `path`; each passage as `first-last title | signature | comment`.
fn cut(path: &str, text: &str) -> Vec<String> {
    let language = Language::of(path, text).unwrap();
    let shown = |passage: Passage| {
        let text =
            |range: Range<usize>| text[range].split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "{}-{} {} | {} | {}",
            passage.line,
            passage.line_last,
            passage.title,
            text(passage.signature),
            text(passage.comment)
        )
    };
    passages(text, language).into_iter().map(shown).collect()
}

#[test]
fn rust_is_cut_into_items() {
    let text = r##"//! Keeps things.

use std::fmt;

/// Things at most.
const THINGS_MAX: usize = 3;

/// A store.
#[derive(Debug)]
pub struct Store<'a> {
    name: &'a str,
}

impl<'a> Store<'a> {
    /// Opens it: '{' and "}" are no braces.
    pub fn open(name: &'a str) -> Store<'a> {
        let brace = '{'; let text = r#"}"{"#;
        Store { name }
    }

    fn close(self) where Self: Sized {}
}

impl fmt::Display for Store<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { Ok(()) }
}

macro_rules! twice {
    ($x:expr) => { $x; $x };
}

#[cfg(test)]
mod tests {
    #[test]
    fn opens() {}
}
"##;
    let expected = [
        "1-1  |  | //! Keeps things.",
        "3-3  |  | ",
        "5-6 THINGS_MAX | const THINGS_MAX: usize = 3; | /// Things at most.",
        "8-12 Store | pub struct Store<'a> | /// A store.",
        "15-19 Store::open | pub fn open(name: &'a str) -> Store<'a> \
         | /// Opens it: '{' and \"}\" are no braces.",
        "21-21 Store::close | fn close(self) where Self: Sized | ",
        "25-25 <Store as Display>::fmt \
         | fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result | ",
        "28-30 twice | macro_rules! twice | ",
        "34-35 tests::opens | fn opens() | ",
    ];
    assert_eq!(cut("a.rs", text), expected);
}

#[test]
fn quotes_as_characters_open_no_string() {
    let rust = r##"fn one(byte: u8) -> bool {
    byte == b'"' || byte == b'\'' || byte == b'{'
}
fn two<'b>(text: &'b str) -> &'b str { text }
fn three(number: u32) -> bool { number == 0xb }
"##;
    let expected = [
        "1-3 one | fn one(byte: u8) -> bool | ",
        "4-4 two | fn two<'b>(text: &'b str) -> &'b str | ",
        "5-5 three | fn three(number: u32) -> bool | ",
    ];
    assert_eq!(cut("quotes.rs", rust), expected);
    let cpp = "bool one(int c) {\n  return c == L'\"' || c == u8'{' || c == 0xb'00'u;\n}\n\
               int two() { return 1'000'000; }\n";
    let expected = ["1-3 one | bool one(int c) | ", "4-4 two | int two() | "];
    assert_eq!(cut("quotes.cpp", cpp), expected);
}

#[test]
fn what_macros_are_made_of_is_cut_too() {
    let fields = "        FIELD = $FIELD:ty,\n".repeat(60);
    let text = format!(
        r##"macro_rules! number {{
    (
{fields}    ) => {{
        /// Counts the ones.
        #[doc = concat!("x ", stringify!($T))]
        pub const unsafe fn count_ones(self) -> u32 {{ 0 }}
    }};
    ($x:expr) => {{ let point = Point {{ x: $x }}; point }};
}}
bitflags! {{
    /// How it is opened.
    pub struct Flags: u32 {{ const READ = 1; }}
}}
const unsafe extern "C" fn stop() -> ! {{ abort() }}
impl const Live for Store {{ fn open() {{}} }}
"##
    );
    let found = cut("numbers.rs", &text);
    let titles = found
        .iter()
        .filter_map(|found| found.split([' ', '|']).nth(1));
    let titles: Vec<&str> = titles.collect();
    let expected = [
        "number",
        "number::count_ones",
        "number",
        "",
        "Flags",
        "stop",
        "<Store",
    ];
    assert_eq!(titles, expected, "{found:#?}");
    assert!(found[1].ends_with("| /// Counts the ones."), "{}", found[1]);
}

#[test]
fn c_is_cut_into_functions_types_and_macros() {
    let text = r#"// SPDX-License-Identifier: GPL-2.0
/* What this file does. */

#include <linux/kernel.h>

#define SMALL 1
#define swap(a, b) \
	do { (a) = (b); \
	} while (0)

/**
 * struct device - a device
 */
struct device {
	int id;
};

typedef struct {
	int x;
} point_t;

static const struct file_operations fops = {
	.open = device_open,
};

/* Finds a device. */
static struct device *find(int id, char c)
{
#ifdef A
	if (id == '{') {
#else
	if (id) {
#endif
		return 0;
	}
	return 0;
}

int
main(void)
{
	return 0;
}

SYSCALL_DEFINE2(open, const char *, name, int, flags)
{
	return 0;
}
EXPORT_SYMBOL(find);
"#;
    let expected = [
        "1-2  |  | // SPDX-License-Identifier: GPL-2.0 /* What this file does. */",
        "4-6  |  | ",
        "7-9 swap | #define swap(a, b) \\ | ",
        "11-16 device | struct device | /** * struct device - a device */",
        "18-20 point_t | typedef struct | ",
        "22-24 fops | static const struct file_operations fops = | ",
        "26-37 find | static struct device *find(int id, char c) | /* Finds a device. */",
        "39-43 main | int main(void) | ",
        "45-48 SYSCALL_DEFINE2 open | SYSCALL_DEFINE2(open, const char *, name, int, flags) | ",
        "49-49  |  | ",
    ];
    assert_eq!(cut("a.c", text), expected);
}

#[test]
fn cpp_is_cut_into_members() {
    let text = r#"namespace net {

// A server.
class EXPORT Server : public Base<int> {
 public:
  Server();
  /// Starts it.
  template <typename T>
  bool start(T&& t) const { return true; }

  bool operator==(const Server& other) const { return this == &other; }

 private:
  int port_;
};

Server::Server() : port_{80}, name_("x") {
  run();
}

enum class Color { red, green };

}  // namespace net
"#;
    let expected = [
        "3-6 net::Server | class EXPORT Server : public Base<int> | // A server.",
        "7-9 net::Server::start | bool start(T&& t) const | /// Starts it.",
        "11-11 net::Server::operator== | bool operator==(const Server& other) const | ",
        "13-15 net::Server |  | ",
        "17-19 net::Server::Server | Server::Server() : port_{80}, name_(\"x\") | ",
        "21-21 net::Color | enum class Color | ",
        "23-23  |  | ",
    ];
    assert_eq!(cut("a.cc", text), expected);
}

#[test]
fn go_is_cut_into_declarations() {
    let text = "// Package store keeps.\npackage store\n\nimport (\n\t\"fmt\"\n)\n\n\
        // Store keeps.\ntype Store struct {\n\tname string\n}\n\n\
        // Open opens.\nfunc (s *Store) Open(x interface{}) (map[string]struct{}, error) {\n\
        \tif x := f(); x {\n\t}\n\treturn nil, nil\n}\n\n\
        var ErrGone = errors.New(\"gone\")\nfunc New[T any](t T) interface{} { return nil }\n";
    let expected = [
        "1-1  |  | // Package store keeps.",
        "2-6  |  | ",
        "8-11 Store | type Store struct | // Store keeps.",
        "13-18 Store.Open | func (s *Store) Open(x interface{}) (map[string]struct{}, error) \
         | // Open opens.",
        "20-20  |  | ",
        "21-21 New | func New[T any](t T) interface{} | ",
    ];
    assert_eq!(cut("a.go", text), expected);
}

#[test]
fn python_is_cut_by_indentation() {
    let text = r#"#!/usr/bin/env python3
"""What it is."""

import os


class Store(Base):
    """A store."""

    size = 3

    @property
    def name(self,
             x=1):
        '''The name:

def no(): it is text
        '''
        return [
    1]

    # Before it.
    async def close(self):
        pass
        # still inside

def main():
    def inner():
        pass
    return 1


if __name__ == '__main__':
    main()
"#;
    let expected = [
        "1-1  |  | #!/usr/bin/env python3",
        "2-4  |  | ",
        "7-10 Store | class Store(Base): | \"\"\"A store.\"\"\"",
        "12-20 Store.name | def name(self, x=1): | '''The name: def no(): it is text '''",
        "22-25 Store.close | async def close(self): | # Before it.",
        "27-30 main | def main(): | ",
        "33-34  |  | ",
    ];
    assert_eq!(cut("a.py", text), expected);
    assert_eq!(cut("bin/run", text), expected);
}

#[test]
fn scripts_are_cut_wherever_functions_are() {
    let text = r#"'use strict';
import a from 'a'

/** Adds. */
export function add({ a, b } = {}, c) {
  return `${a + `{`}` + /[{"]/.test(c);
}

const area = async (shape) => {
  return 1;
};

class Store extends Base {
  constructor(name) { super(); }
  static get size() { if (x) { return 1; } }
}

define(['x'], function (x) {
  function inner() { return { a: 1 }; }
  module.exports.run = function () {};
});

const api = {
  open(path) { return 1; },
  close: function () {
    return 2;
  },
  stop: () => { },
};
"#;
    let expected = [
        "1-2  |  | ",
        "4-7 add | export function add({ a, b } = {}, c) | /** Adds. */",
        "9-11 area | const area = async (shape) => | ",
        "14-14 Store.constructor | constructor(name) | ",
        "15-15 Store.size | static get size() | ",
        "18-18  |  | ",
        "19-19 inner | function inner() | ",
        "20-20 run | module.exports.run = function () | ",
        "24-24 api.open | open(path) | ",
        "25-27 api.close | close: function () | ",
        "28-28 api.stop | stop: () => | ",
    ];
    assert_eq!(cut("a.js", text), expected);
}

#[test]
fn typed_scripts_are_cut_alike() {
    let text = "export interface Shape { area(): number }\n\n\
        export class Box<T> implements Shape {\n  private x = 1;\n\n\
        \x20 @Input() name: string;\n\n  get(a: T): Promise<{ a: T }> {\n    return x;\n  }\n}\n\n\
        export type Key = {\n  a: string;\n};\n";
    let expected = [
        "1-1 Shape | export interface Shape | ",
        "3-6 Box | export class Box<T> implements Shape | ",
        "8-10 Box.get | get(a: T): Promise<{ a: T }> | ",
        "13-15 Key | export type Key = | ",
    ];
    assert_eq!(cut("a.ts", text), expected);
}

#[test]
fn java_and_its_kin_are_cut_into_members() {
    let java = r#"package a;

/** Keeps. */
@Entity(name = "x")
public class Store<T extends A> implements B {
    private int a = 1;

    /** Opens. */
    @Override
    public <K> List<K> open(String path) throws E {
        new Thread() { };
    }

    interface Inner { void run(); }
}
"#;
    let expected = [
        "1-1  |  | ",
        "3-6 Store | public class Store<T extends A> implements B | /** Keeps. */",
        "8-12 Store.open | public <K> List<K> open(String path) throws E \
         | /** Opens. */",
        "14-14 Store.Inner | interface Inner | ",
    ];
    assert_eq!(cut("A.java", java), expected);
    let sharp = r#"namespace A
{
    [Serializable]
    public sealed class Store : Base, IStore
    {
        public int Size { get; set; }
        public Store(int a) : base(a)
        {
        }
    }
}
"#;
    let expected = [
        "3-6 A.Store | public sealed class Store : Base, IStore | ",
        "7-9 A.Store.Store | public Store(int a) : base(a) | ",
    ];
    assert_eq!(cut("A.cs", sharp), expected);
    let kotlin = r#"data class Point(val x: Int)

class Store @Inject constructor(a: A) : B() {
    companion object {
        fun of() = 1
    }

    override fun open(): Int {
        return 1
    }
}

fun String.shout() = 1
"#;
    let expected = [
        "1-1  |  | ",
        "4-6 Store.companion | companion object | ",
        "8-10 Store.open | override fun open(): Int | ",
        "13-13  |  | ",
    ];
    assert_eq!(cut("A.kt", kotlin), expected);
    let swift = r#"public extension Store: View {
    init(a: Int) {
    }
    func open(_ x: Int) -> Int { 1 }
}
"#;
    let expected = [
        "2-3 Store.init | init(a: Int) | ",
        "4-4 Store.open | func open(_ x: Int) -> Int | ",
    ];
    assert_eq!(cut("A.swift", swift), expected);
}

#[test]
fn php_begins_where_it_says() {
    let text = r#"<p>don't {</p>
<?php
namespace App;

/**
 * Keeps.
 */
final class Store
{
    public function &open(string $a = 'it''s {'): ?array
    {
        echo <<<EOT
{ don't
EOT;
    }
}
"#;
    let expected = [
        "1-3  |  | ",
        "10-15 Store::open | public function &open(string $a = 'it''s {'): ?array | ",
    ];
    let found = cut("a.php", text);
    assert_eq!([&found[0], &found[2]], [expected[0], expected[1]]);
    assert!(found[1].starts_with("5-9 Store | final class Store | /** * Keeps. */"));
}

#[test]
fn words_end_what_ruby_lua_and_shells_define() {
    let ruby = r#"# Keeps.
module Net
  class Store < Base
    attr_reader :name

    # Opens it.
    def self.open!(path)
      if path then 1 end
    end

    def short; 1; end
    def size = 3
  end
end
"#;
    let expected = [
        "1-2 Net | module Net | # Keeps.",
        "3-4 Net::Store | class Store < Base | ",
        "6-9 Net::Store::self.open! | def self.open!(path) | # Opens it.",
        "11-11 Net::Store::short | def short; 1; end | ",
    ];
    assert_eq!(cut("a.rb", ruby)[..4], expected);
    let lua = r#"local M = {}

-- Opens.
function M.open(path)
  if path then
  end
end

M.close = function() return 1 end
local function run()
end
return M
"#;
    let expected = [
        "1-1  |  | ",
        "3-7 M.open | function M.open(path) | -- Opens.",
        "9-9 M.close | M.close = function() return 1 end | ",
        "10-11 run | local function run() | ",
        "12-12  |  | ",
    ];
    assert_eq!(cut("a.lua", lua), expected);
    let shell = r#"#!/bin/sh -e
set -e

# Stops it.
stop() {
    echo "$# don't"
    x=${a#b}
}

function start-it
{
    true
}
one() { true; }
stop
"#;
    let expected = [
        "1-1  |  | #!/bin/sh -e",
        "2-2  |  | ",
        "4-8 stop | stop() | # Stops it.",
        "10-13 start-it | function start-it | ",
        "14-14 one | one() { true; } | ",
        "15-15  |  | ",
    ];
    assert_eq!(cut("init", shell), expected);
}

#[test]
fn sql_is_cut_into_what_it_creates() {
    let text = "-- The things.\nCREATE TABLE IF NOT EXISTS public.things (\n  id int -- ;\n);\n\n\
        create or replace function add(a int) returns int as $$\nbegin\n  select 1;\nend;\n$$ \
        language sql;\nINSERT INTO things VALUES ('CREATE;');\n";
    let expected = [
        "1-4 public.things | CREATE TABLE IF NOT EXISTS public.things ( id int -- ; ); \
         | -- The things.",
        "6-10 add | create or replace function add(a int) returns int as $$ | ",
        "11-11  |  | ",
    ];
    assert_eq!(cut("a.sql", text), expected);
}

#[test]
fn long_functions_are_cut_under_one_name() {
    let body = "    work();\n".repeat(1000);
    let text = format!("/// Works.\nfn work() {{\n{body}}}\n");
    let found = passages(&text, Language::named("rust").unwrap());
    assert!(found.len() > 3);
    for (at, passage) in found.iter().enumerate() {
        assert_eq!(passage.title, "work");
        assert_eq!(&text[passage.signature.clone()], "fn work()");
        assert_eq!(passage.comment.is_empty(), at > 0);
        assert!(passage.text.len() <= SOURCE_BYTES_MAX * 5 / 4);
    }
    assert_eq!(found.last().unwrap().line_last, 1003);
}
