//! Heads of HTTP/2, field by field: `tests/corpus/heads`.

use sluice_tests::clock;
use sluice_tests::corpus::{self, Entry, Expected, Names, Wanted, unescape};
use sluice_tests::frames::{END_STREAM, End, Frames, Kind, field, frame, head};

use super::Run;

/// A request, in frames for a stream.
struct Sent {
    fields: Vec<u8>,
    body: Vec<u8>,
    trailers: Vec<u8>,
}

impl Sent {
    fn of(case: &Entry, names: &Names) -> Self {
        let text = case.lines(names).join("\n");
        let (fields, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let block =
            |lines: Vec<&str>| lines.into_iter().flat_map(|line| written(&case.name, line)).collect::<Vec<u8>>();
        let mut fields = block(fields.lines().collect());
        for note in case.notes_of("times") {
            let (times, line) = note.split_once(' ').unwrap_or_else(|| panic!("{}: {note}", case.name));
            fields.extend(written(&case.name, line).repeat(times.parse().unwrap()));
        }
        Self { fields, body: body.as_bytes().to_vec(), trailers: block(case.notes_of("trailer").collect()) }
    }

    fn frames(&self, stream: u32) -> Vec<u8> {
        let flags = |is_last: bool| if is_last { END_STREAM } else { 0 };
        let has_trailers = !self.trailers.is_empty();
        let mut frames = head(stream, flags(self.body.is_empty() && !has_trailers), &self.fields);
        if !self.body.is_empty() {
            frames.extend(frame(Kind::Data, flags(!has_trailers), stream, &self.body));
        }
        if has_trailers {
            frames.extend(head(stream, END_STREAM, &self.trailers));
        }
        frames
    }
}

/// `name: value`, escapes included; a colon in front belongs to the name.
fn written(name: &str, line: &str) -> Vec<u8> {
    let at = 1 + line[1..].find(':').unwrap_or_else(|| panic!("{name}: {line}"));
    let (field_name, value) = line.split_at(at);
    let bytes = |text: &str| unescape(text).unwrap_or_else(|why| panic!("{name}: {why}"));
    field(bytes(field_name), bytes(value[1..].strip_prefix(' ').unwrap_or(&value[1..])))
}

fn code(end: &End) -> String {
    match end {
        End::Answer(body) if body.is_empty() => "an answer without a body".to_owned(),
        End::Answer(body) => {
            let document: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
            if document["records"].is_array() {
                return "ok".to_owned();
            }
            document["code"].as_str().unwrap_or("something else").to_owned()
        }
        other => format!("{other:?}"),
    }
}

fn check(run: &Run, case: &Entry, (good, names): (&Sent, &Names)) -> Result<(), String> {
    let (expected, before, began) = (Expected::of(case), run.provider.questions().len(), clock::now());
    let mut frames = Frames::open(&run.ask, run.site.base).map_err(|error| error.to_string())?;
    // A gateway that has refused may close before it has taken everything.
    let _ = frames.write(&Sent::of(case, names).frames(1));
    let end = frames.end_of(1);
    let is_right = match (&expected.answer, &end) {
        (Wanted::Status(200), end) => code(end) == "ok",
        (Wanted::Status(_), End::Answer(body)) => body.is_empty(),
        (Wanted::Refused(wanted), end) => code(end) == *wanted,
        (Wanted::Reset, End::Reset(_)) | (Wanted::Nothing, End::Closed) => true,
        _ => false,
    };
    if !is_right {
        return Err(format!("{} instead, after {:?}", code(&end), began.elapsed()));
    }
    if expected.closes {
        return if frames.ends() {
            run.asked(before, expected.asked)
        } else {
            Err("the connection goes on".to_owned())
        };
    }
    frames.write(&good.frames(3)).map_err(|error| error.to_string())?;
    match code(&frames.end_of(3)).as_str() {
        "ok" => run.asked(before, expected.asked + 1),
        other => Err(format!("{other} for the good request behind it")),
    }
}

#[test]
fn every_head_of_the_corpus_gets_what_it_deserves_and_nothing_more() {
    let run = Run::start();
    let mut names = run.names();
    let path = run.city.good_call().target;
    let fields = format!(
        "authorization: Bearer {}\ncontent-type: application/json\nexchange-purpose: P1\nexchange-handler: h-1\n\
         exchange-matter: CASE-1",
        names["token"]
    );
    let line = format!(":method: POST\n:scheme: https\n:authority: {}\n:path: {path}", names["host"]);
    names.extend([("path", path), ("fields", fields), ("line", line)].map(|(name, value)| (name.to_owned(), value)));
    let cases = corpus::folder("heads");
    let good = Sent::of(cases.iter().find(|case| case.name.ends_with(": a good request")).unwrap(), &names);
    let faults =
        cases.iter().filter_map(|case| Some(format!("{}: {}", case.name, check(&run, case, (&good, &names)).err()?)));
    corpus::report(cases.len(), 75, &faults.collect::<Vec<_>>());
}
