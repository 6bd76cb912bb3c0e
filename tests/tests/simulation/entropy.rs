//! Stands in for the system's random numbers, so that a seed fixes them: hash maps, and the order in which `select!` looks
//! at its branches, follow from what the standard library draws once for each thread. Everything in this program that asks
//! the C library for random numbers gets these; nothing here needs secrets.
//!
//! `unsafe`: a function by the name and with the signature that the C library gives it cannot be written otherwise.

#![allow(unsafe_code)]

use std::cell::Cell;

thread_local! {
    /// What this thread draws next follows from it.
    static STATE: Cell<u64> = const { Cell::new(1) };
}

/// From now on all numbers that this thread draws follow from `seed`.
pub fn begin(seed: u64) {
    STATE.set(seed);
}

fn next() -> u64 {
    let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
    STATE.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// As getrandom(3).
///
/// # Safety
/// `buffer` has room for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    for at in 0..length {
        // SAFETY: `at` is less than `length`.
        unsafe { buffer.add(at).write(next() as u8) };
    }
    length.cast_signed()
}
