//! Words that mean the same to people who write programs.
//!
//! Texts tell which words stand together, and not which stand for each other: whoever writes
//! `remove` seldom writes `delete` beside it. These are few, of every trade, and count less than
//! the word that was asked for.

use super::words::stemmed;

/// Words of one meaning, a line each. A word may be in several lines.
const KIN: &str = "\
abort cancel terminate kill
absent missing lacking
add append insert push
address location
allocate alloc reserve
allow permit enable grant
answer reply response
argument parameter arg
array slice vector list vec
ask query request question
async asynchronous nonblocking
authenticate login signin authentication
begin start first
big large great
biggest largest maximum max greatest
binary executable program
blank whitespace space
block wait suspend
boolean bool flag
boot startup
build compile make
call invoke
change modify alter edit update
character char letter
check verify validate test
clean purge flush clear
clock time timer
close shut shutdown
coerce cast convert
collapse merge combine join
combine concatenate join concat
command instruction
compare equal comparison
concurrent parallel
configuration config setting option preference
connection socket link
container box wrapper
continue resume
copy duplicate clone
count number amount length
crash panic abort failure
create make new construct build
crypt encrypt encryption cipher
current present now
cut trim truncate strip
database db store
decide decision choose
decode parse deserialize
default fallback
delay sleep pause
delete remove erase drop unlink discard
dependency requirement
deploy release rollout
descriptor handle fd
destroy free release dispose
dictionary map hashmap table
difference delta diff
directory folder dir
disable off deactivate
disk drive storage
display show print
document manual doc documentation
domain host hostname
duplicate repeated
edge boundary limit
encode serialize format
end finish stop last
enlarge grow extend expand
entry item element member
environment env
error failure fault
event signal notification
exchange swap replace
exclusive unique
exit quit leave
fast quick speed rapid performance
fetch get read load retrieve obtain
field member attribute property
file document
find search look locate lookup
first initial
float floating decimal
forbid deny prohibit reject refuse
function method routine procedure fn
generate produce
hash digest checksum
heap memory
hold keep retain
identifier id name
image picture
immutable readonly constant
index position offset
integer int number
interrupt irq
iterate loop traverse walk
key identifier
late lazy deferred
license licence copyright
listen accept
lock mutex
log journal trace record
machine host computer server
message packet
minimum min smallest least
monitor watch observe
move transfer
network net
new fresh
node machine
nothing empty none null
notify signal wake
object value
often frequently
old legacy deprecated obsolete
open unlock
order sequence sort
owner owning
owning strong
parent ancestor
part piece chunk fragment
password secret credential
path route
peek lookahead
pointer reference ref ptr
power energy
print write output
process task program
processor cpu core
queue fifo
random rng
range interval span
reboot restart reset
record note
remote distant
repair fix recover
replace substitute
repository repo
retry again
return yield
reverse backward
round ceil floor
run execute launch spawn
safe secure
save persist store
schedule plan
section chapter
select choose pick
send transmit write
separate split divide
separator delimiter
share shared
shrink reduce compact
size length capacity
small little tiny
spread distribute balance
stack lifo
stream flow
string text str
symlink symbolic
tell inform report
temporary temp tmp
thread task
timeout deadline
token symbol
tool utility
transform map convert
tree hierarchy
type kind class
uninterrupted atomic
undo revert rollback
unsafe dangerous
user account
variable value
version revision release
wait block park
warn alert warning
window frame
write store save
wrong invalid incorrect bad";

/// Words that mean the same as a word that is in small letters, as the index has them.
pub fn kin(written: &str) -> Vec<String> {
    let stem = stemmed(written);
    let mut found: Vec<String> = Vec::new();
    for line in KIN.lines() {
        let words: Vec<String> = line.split(' ').map(stemmed).collect();
        if !words.contains(&stem) {
            continue;
        }
        for word in words {
            if word != stem && !found.contains(&word) {
                found.push(word);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_form_and_not_told_itself() {
        let words = kin("deleting");
        assert!(words.contains(&"remov".to_string()), "{words:?}");
        assert!(!words.contains(&"delet".to_string()), "{words:?}");
        assert!(kin("barrier").is_empty());
        assert!(kin("").is_empty());
    }

    #[test]
    fn every_line_has_two_words_or_more() {
        for line in KIN.lines() {
            let mut words: Vec<String> = line.split(' ').map(stemmed).collect();
            words.sort();
            words.dedup();
            assert!(words.len() > 1, "{line}");
        }
    }
}
