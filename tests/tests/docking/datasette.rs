//! `datasette` (Python): tables of a database, pages named by address.

use sluice_tests::city::small::RESOURCE;
use sluice_tests::docked::Server;

use super::city::{city, is_docked, table};

#[test]
fn a_server_of_python_is_docked_by_its_binding() {
    let city = city();
    let server = Server::datasette(&table(&city));
    let bindings = format!(
        r#"
[[rest]]
resource = "{RESOURCE}"
base_url = "{}/city"

[rest.query]
method = "GET"
path = "/people.json"
query = {{ ID__exact = "{{ID}}", NO__exact = "{{NO}}", _shape = "objects", _size = "{{limit}}" }}
records = "/rows"
paging = {{ style = "next_url", next = "/next_url", size_max = 2 }}
"#,
        server.url()
    );
    is_docked(&city, server, &bindings);
}
