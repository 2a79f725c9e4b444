//! Prints the table of who may do what in the sample city. After a wanted change of rights:
//! `cargo run -q -p sluice-tests --example rights_table > tests/snapshots/rights.txt`

use sluice_tests::city::City;
use sluice_tests::demo::Demo;
use sluice_tests::rights_table::table;

fn main() {
    let city = City::embedded();
    let demo = Demo::of(&city);
    print!("{}", table(&demo, &city));
}
