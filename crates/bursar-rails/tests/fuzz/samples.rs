//! Inputs without end: bytes at random, and sound samples that were broken in up to six places.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::hex;

/// How many inputs each property is tried with, unless `BURSAR_FUZZ_CASES` says it.
const USUAL_CASES: usize = 4096;
/// The longest script of changes, and the longest input at random.
pub(crate) const LONGEST_SCRIPT: usize = 96;
/// How often a sample is changed at most.
const MOST_CHANGES: usize = 6;

/// Tries a property with many inputs, and tells the smallest that was found to break it. A macro, since each property is a
/// target of its own, named after the test that it stands in.
macro_rules! every {
    ($samples:expr, $holds:expr $(,)?) => {{
        let property = crate::samples::Property::new($samples, $holds);
        bolero::check!()
            .with_iterations(crate::samples::cases())
            .with_max_len(crate::samples::LONGEST_SCRIPT)
            .for_each(|script: &[u8]| property.holds_of(script));
    }};
}

/// With how many inputs.
#[expect(clippy::disallowed_methods, reason = "how long a run is, is said to a test")]
pub(crate) fn cases() -> usize {
    std::env::var("BURSAR_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(USUAL_CASES)
}

/// What holds of every input. What it looks at is only read, so that it may be tried again after a panic.
pub(crate) struct Property<Holds>(AssertUnwindSafe<(Vec<Vec<u8>>, Holds)>);

impl<Holds: Fn(Vec<u8>)> Property<Holds> {
    pub(crate) fn new(samples: &[Vec<u8>], holds: Holds) -> Self {
        Self(AssertUnwindSafe((samples.to_vec(), holds)))
    }

    /// Tries it with the input that a script stands for.
    pub(crate) fn holds_of(&self, script: &[u8]) {
        let (samples, holds) = &*self.0;
        let input = input(script, samples);
        // What broke was printed as it did; what it broke with is told beside it.
        let tried = catch_unwind(AssertUnwindSafe(|| holds(input.clone())));
        assert!(tried.is_ok(), "it broke with 0x{}\n{}", hex::encode(&input), String::from_utf8_lossy(&input));
    }
}

/// The input that a script stands for.
fn input(bytes: &[u8], samples: &[Vec<u8>]) -> Vec<u8> {
    let Some((choice, rest)) = bytes.split_first() else { return Vec::new() };
    if *choice < 32 {
        return rest.to_vec();
    }
    let sample = |number: u8| samples[usize::from(number) % samples.len()].clone();
    let Some((changes, script)) = rest.split_first() else { return sample(*choice) };
    let changes = usize::from(*changes) % (MOST_CHANGES + 1);
    let mut broken = sample(*choice);
    for change in script.chunks_exact(4).take(changes) {
        let [what, high, low, value] = *change else { continue };
        let place = usize::from(u16::from_be_bytes([high, low])) % (broken.len() + 1);
        match what % 8 {
            0 => broken.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
            1 => broken.iter_mut().skip(place).take(1).for_each(|byte| *byte = value),
            2 => broken.insert(place, value),
            3 => drop(broken.drain(place..broken.len().min(place + usize::from(value % 8) + 1))),
            4 => broken.truncate(place),
            5 => {
                // A piece of it once more: a member that is there twice, an argument too many.
                let piece = broken[place..broken.len().min(place + usize::from(value))].to_vec();
                broken.splice(place..place, piece);
            }
            6 => {
                // The rest is another sample's.
                let other = sample(value);
                broken.truncate(place);
                broken.extend(other.into_iter().skip(place));
            }
            _ => broken.extend([value; 3]),
        }
    }
    broken
}

/// A text that is changed as bytes are.
pub(crate) fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}
