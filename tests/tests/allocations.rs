//! A message costs no allocation for each member, however many there are.

use chatroom_tests::allocations;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The only test of this program, because nobody else may allocate meanwhile.
#[test]
fn a_message_allocates_nothing_for_each_member() {
    let (few, many) = (10, 200);
    let of_few = least(&allocations::per_message(few, 3).unwrap());
    let of_many = least(&allocations::per_message(many, 3).unwrap());
    let for_each_member = (of_many - of_few) / (many - few) as f64;
    assert!(
        for_each_member < 0.01,
        "{of_few} allocations for a message to {few} members, {of_many} to {many}"
    );
}

/// What else a process does now and then is in the others.
fn least(counts: &[f64]) -> f64 {
    counts.iter().copied().fold(f64::INFINITY, f64::min)
}
