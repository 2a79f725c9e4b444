//! The narrower limit wins.

use proptest::option::of;
use proptest::prelude::*;
use sluice_domain::grant::Limits;

fn limits() -> impl Strategy<Value = Limits> {
    (of(any::<u32>()), of(any::<u32>()), of(any::<u32>())).prop_map(|(per_second, per_day, rows_per_call)| Limits {
        per_second,
        per_day,
        rows_per_call,
    })
}

fn as_list(limits: Limits) -> [Option<u32>; 3] {
    [limits.per_second, limits.per_day, limits.rows_per_call]
}

proptest! {
    #[test]
    fn narrowing_takes_the_least_of_what_is_set(a in limits(), b in limits()) {
        let both = as_list(a.narrowed(b));
        for ((a, b), narrowed) in as_list(a).into_iter().zip(as_list(b)).zip(both) {
            let least = [a, b].into_iter().flatten().min();
            prop_assert_eq!(narrowed, least);
        }
        prop_assert_eq!(a.narrowed(b), b.narrowed(a));
        prop_assert_eq!(a.narrowed(Limits::default()), a);
    }
}
