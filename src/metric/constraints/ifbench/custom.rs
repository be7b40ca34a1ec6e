//! The kinds of IFBench that belong to one request each.

use super::super::rule::{Reader, Rule, Verdict, first_fault, told};
use super::splitter::sentences;
use super::table::rows;
use super::text::{ascii, begin, numbers, split, strip, strip_marks, without_marks};
use super::vocabulary::CAPITALS;

/// Checks questions with five options each, headed `Question 1` and so on, of which each is longer than the one before.
fn questions(text: &str) -> Verdict {
    told(text.starts_with("Question"), || format!("it begins with `{}`", begin(text)))?;
    let Some(head) = pattern!(r"\n*Question \p{Nd}+[.|):;]?\s*") else { return Err(None) };
    let Some(option) = pattern!(r"^[A-Ea-e][.|)]\s*[\p{L}\p{N}_]") else { return Err(None) };
    let questions: Vec<&str> = head.split(text).map(strip).filter(|question| !question.is_empty()).collect();
    told(questions.len() == 4, || format!("it has {} questions", questions.len()))?;
    let mut before = None;
    for question in questions {
        let lines = || question.split('\n').map(strip);
        let options = lines().filter(|line| option.is_match(line)).count();
        told(options == 5, || format!("a question has {options} options"))?;
        let asked: Vec<&str> = lines().take_while(|line| !option.is_match(line)).collect();
        let length = strip(&asked.join(" ")).chars().count();
        let longer = before.is_none_or(|before| before < length);
        told(longer, || format!("after one of {} characters comes one of {length}", before.unwrap_or_default()))?;
        before = Some(length);
    }
    Ok(())
}

/// Checks lines in falling order, from the line with `Zimbabwe` on.
fn countries(text: &str) -> Verdict {
    let lines = text.split('\n').map(strip_marks).filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.skip_while(|line| !line.contains("Zimbabwe")).map(ascii).collect();
    told(!lines.is_empty(), || "it has no line with `Zimbabwe`".to_owned())?;
    told(lines.len() >= 52, || format!("it has {} lines from `Zimbabwe` on", lines.len()))?;
    first_fault(lines.iter().zip(lines.iter().skip(1)), |(line, next)| {
        (line < next).then(|| format!("`{next}` comes after `{line}`"))
    })
}

/// Checks a list of capitals.
fn capitals(text: &str) -> Verdict {
    let text = ascii(text);
    let given: Vec<&str> = text.split(',').map(strip).filter(|name| !name.is_empty()).collect();
    first_fault(given.iter().zip(CAPITALS.split(' ')), |(name, wanted)| {
        (*name != wanted).then(|| format!("it has `{name}` where `{wanted}` should be"))
    })?;
    let number = CAPITALS.split(' ').count();
    told(given.len() == number, || format!("it has {} of {number} names", given.len()))
}

/// Checks that a table has so many rows, its head included, and returns them.
fn table(text: &str, delimiter: char, wanted: usize) -> Result<Vec<Vec<String>>, Option<String>> {
    let rows = rows(text, delimiter).ok_or_else(|| Some("it has a carriage return within a line".to_owned()))?;
    told(rows.len() == wanted, || format!("it has {} rows, its head included", rows.len()))?;
    Ok(rows)
}

/// Returns what is wrong with a row that has not five fields.
fn not_five(row: &[String]) -> Option<String> {
    (row.len() != 5).then(|| format!("a row has {} fields", row.len()))
}

/// Checks the table of cities.
fn cities(text: &str) -> Verdict {
    let rows = table(text, ',', 8)?;
    let head = ["ID", "Country", "City", "Year", "Count"];
    told(rows.first().is_some_and(|row| row == &head), || "its head is another".to_owned())?;
    first_fault(rows.iter().skip(1), |row| not_five(row))
}

/// Returns whether the first line of a table is this head. Each name may stand in quotation marks, and white space of these
/// characters may stand before it.
fn has_head(text: &str, names: [&str; 5], delimiter: char, blanks: &[char]) -> bool {
    let fields: Vec<&str> = strip(text.split('\n').next().unwrap_or_default()).split(delimiter).collect();
    let is_name = |(at, (field, name)): (usize, (&&str, &str))| {
        let field = if at == 0 { field } else { field.trim_start_matches(blanks) };
        field == name || field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) == Some(name)
    };
    fields.len() == names.len() && fields.iter().zip(names).enumerate().all(is_name)
}

/// Checks the table of products. As in the reference, the rows after the first with such a field are not looked at.
fn products(text: &str) -> Verdict {
    let names = ["ProductID", "Category", "Brand", "Price", "Stock"];
    told(has_head(text, names, ',', &[' ', '\t']), || "its head is another".to_owned())?;
    // Quotation marks stay in the fields.
    let rows = table(&text.replace('"', "\"\"\""), ',', 15)?;
    let special = pattern!(r#"^".*[^\p{L}\p{N}_\s].*""#);
    for row in rows.iter().skip(1) {
        told(row.len() == 5, || not_five(row).unwrap_or_default())?;
        if row.iter().any(|field| special.is_some_and(|special| special.is_match(field))) {
            return Ok(());
        }
    }
    Err(Some("no field in quotation marks has a special character".into()))
}

/// Checks the table of marks.
fn marks(text: &str) -> Verdict {
    let names = ["StudentID", "Subject", "Grade", "Semester", "Score"];
    told(has_head(text, names, '\t', &[' ']), || "its head is another".to_owned())?;
    let rows = table(&text.replace('"', "\"\"\""), '\t', 4)?;
    let bare = |field: &&String| !strip(field).starts_with('"') || !strip(field).ends_with('"');
    first_fault(rows, |row| {
        not_five(&row).or_else(|| row.iter().find(bare).map(|field| format!("`{field}` is not in quotation marks")))
    })
}

/// Returns what is wrong with a date of the years from 1769 to 1821. As in the reference, only the upper bounds of the month and
/// the day are checked, and every February may have 29 days.
fn wrong_date(date: &str) -> Option<String> {
    let parts = pattern!(r"^([0-9]{4})-([0-9]{2})-([0-9]{2})$").and_then(|pattern| pattern.captures(date));
    let Some(parts) = parts else { return Some(format!("`{date}` is not written like 1805-12-02")) };
    let part = |at: usize| parts.get(at).and_then(|part| part.as_str().parse::<u32>().ok()).unwrap_or_default();
    let days = match part(2) {
        4 | 6 | 9 | 11 => 30,
        2 => 29,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        // A month 0 passes with every day.
        0 => 99,
        _ => return Some(format!("`{date}` has no month")),
    };
    (!(1769..=1821).contains(&part(1)) || part(3) > days).then(|| format!("`{date}` is not a day of those years"))
}

/// The kinds of one request each.
pub(in super::super) const KINDS: &[(&str, Reader)] = &[
    ("custom:multiples", |_| {
        Ok(Rule::new("the numbers 14, 21, 28, 35, 42, 49 in this order, and no other number", |text| {
            let found = numbers(text);
            told(found == ["14", "21", "28", "35", "42", "49"], || format!("its numbers are {}", found.join(", ")))
        }))
    }),
    ("custom:mcq_count_length", |_| {
        let asks = "nothing but 4 questions, each headed `Question` and its number, longer than the one before, and with 5 \
                    options from `A)` to `E)`";
        Ok(Rule::new(asks, questions))
    }),
    ("custom:reverse_newline", |_| {
        Ok(Rule::new("from `Zimbabwe` on at least 52 countries, one a line, in reverse alphabetical order", countries))
    }),
    ("custom:word_reverse", |_| {
        Ok(Rule::new("a sentence with its words in reverse order, `eagle bald` among them", |text| {
            let text = without_marks(&text.to_lowercase());
            let words: Vec<&str> = split(&text).collect();
            let reversed: Vec<&str> = words.into_iter().rev().collect();
            told(reversed.join(" ").contains("bald eagle"), || format!("it is `{}`", begin(&text)))
        }))
    }),
    ("custom:character_reverse", |_| {
        Ok(Rule::new("a sentence with its letters in reverse order, `elgae dlab` among them", |text| {
            told(text.to_lowercase().contains("elgae dlab"), || format!("it is `{}`", begin(text)))
        }))
    }),
    ("custom:sentence_alphabet", |_| {
        Ok(Rule::new("26 sentences that begin with the letters of the alphabet in order", |text| {
            let sentences = sentences(text);
            told(sentences.len() == 26, || format!("it has {} sentences", sentences.len()))?;
            first_fault(sentences.into_iter().zip('a'..='z'), |(sentence, letter)| {
                let right = strip(sentence).to_lowercase().starts_with(letter);
                (!right).then(|| format!("where `{letter}` should begin stands `{}`", begin(sentence)))
            })
        }))
    }),
    ("custom:european_capitals_sort", |_| {
        Ok(Rule::new("these names, separated by commas, in this order: ".to_owned() + &CAPITALS.replace(' ', ", "), capitals))
    }),
    ("custom:csv_city", |_| Ok(Rule::new("a table with the head `ID,Country,City,Year,Count` and 7 rows", cities))),
    ("custom:csv_special_character", |_| {
        let asks = "a table with the head `ProductID,Category,Brand,Price,Stock` and 14 rows, with a special character in a \
                    field in double quotation marks";
        Ok(Rule::new(asks, products))
    }),
    ("custom:csv_quotes", |_| {
        let asks = "a table with the head StudentID, Subject, Grade, Semester, Score and 3 rows, with tabs between the fields \
                    and each field in double quotation marks";
        Ok(Rule::new(asks, marks))
    }),
    ("custom:date_format_list", |_| {
        let asks = "nothing but dates like 1805-12-02 of the years from 1769 to 1821, separated by commas";
        Ok(Rule::new(asks, |text| first_fault(strip(text).split(',').map(strip), wrong_date)))
    }),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::constraint::Constraint;
    use super::super::tests_support::{tells, verdicts};
    use super::super::vocabulary::CAPITALS;

    #[test]
    fn numbers_and_dates_are_listed() {
        let none = json!({});
        verdicts(
            "custom:multiples",
            &none,
            &["14,21,28,35,42,49", "14 and 21: 28 35\n42 49."],
            &["14, 21", "7 14 21 28 35 42 49", ""],
        );
        tells("custom:multiples", &none, "7 14", "its numbers are 7, 14");
        let dates = "custom:date_format_list";
        verdicts(
            dates,
            &none,
            &["1796-04-12, 1805-12-02", " 1800-00-40\n", "1801-02-29"],
            &["1796-04-31", "1796-4-12", "1768-01-01", "1800-13-01", "1800-01-01,", ""],
        );
        tells(dates, &none, "1800-01-01, soon", "`soon` is not written like 1805-12-02");
    }

    #[test]
    fn questions_have_options_and_grow() {
        let question = |number: usize, words: &str| format!("Question {number}: {words}?\nA) a\nb. b\nC| c\nD)d\nE) e\n");
        let four = |lengths: [usize; 4]| (1..).zip(lengths).map(|(at, n)| question(at, &"x".repeat(n))).collect::<String>();
        let none = json!({});
        let kind = "custom:mcq_count_length";
        let good = four([1, 2, 3, 4]);
        verdicts(
            kind,
            &none,
            &[&good],
            &[&four([1, 2, 2, 3]), &good[1..], &good.replace("E) e", ""), &format!("Here:\n{good}"), "Question 1", ""],
        );
        tells(kind, &none, &four([3, 2, 3, 4]), "after one of 4 characters comes one of 3");
    }

    #[test]
    fn lists_are_in_order() {
        let none = json!({});
        let names: Vec<String> = (0..52).map(|at| format!("* A{:02}é", 99 - at)).collect();
        let good = format!("Here:\n- Zimbabwe\n{}", names.join("\n"));
        let swapped = good.replace("A98", "A96x");
        verdicts("custom:reverse_newline", &none, &[&good], &[&swapped, "Zimbabwe", ""]);
        tells("custom:reverse_newline", &none, "Zimbabwe\nZambia", "it has 2 lines from `Zimbabwe` on");
        let capitals = CAPITALS.replace(' ', ", ").replace("Chisinau", "Chișinău").replace("Reykjavik", "Reykjavík");
        let short = capitals.replace(", Zagreb", "");
        verdicts(
            "custom:european_capitals_sort",
            &none,
            &[&capitals, &format!("{capitals},")],
            &[&short, "Oslo", &format!("{capitals}.")],
        );
        tells("custom:european_capitals_sort", &none, &short, "it has 26 of 27 names");
        let story: String = ('a'..='z').map(|letter| format!("{letter}nt it. ")).collect();
        verdicts(
            "custom:sentence_alphabet",
            &none,
            &[&story.to_uppercase()],
            &["A. B.", &story.to_uppercase().replace("BNT", "DNT")],
        );
    }

    #[test]
    fn sentences_are_reversed() {
        let none = json!({});
        verdicts(
            "custom:word_reverse",
            &none,
            &["Eagle bald, the is it.", "eagle \nbald"],
            &["The bald eagle.", "eagle the bald", ""],
        );
        verdicts("custom:character_reverse", &none, &[".elgaE dlaB ehT"], &["bald eagle", ""]);
    }

    #[test]
    fn tables_have_their_rows() {
        let none = json!({});
        let city = "ID,Country,City,Year,Count\n".to_owned() + &"1,a,\"b,c\",2000,5\n".repeat(7);
        verdicts(
            "custom:csv_city",
            &none,
            &[&city, city.trim_end()],
            &[&format!("{city}\n"), &city[1..], &city.replace("2000,", ""), ""],
        );
        let product = "ProductID, \"Category\",Brand,Price,Stock\n".to_owned() + &"1,\"a-b\",c,2,5\n".repeat(14);
        let kind = "custom:csv_special_character";
        verdicts(
            kind,
            &none,
            &[&product],
            &[&product.replace("a-b", "ab"), &product.replace('"', ""), &format!("{product}x"), ""],
        );
        tells(kind, &none, &product.replace("a-b", "a b"), "no field in quotation marks has a special character");
        let marks = "\"StudentID\"\t\"Subject\"\t \"Grade\"\t\"Semester\"\t\"Score\"\n".to_owned()
            + &"\"1\"\t\"a\"\t\"b\"\t\"c\"\t\"5\"\n".repeat(3);
        let kind = "custom:csv_quotes";
        verdicts(
            kind,
            &none,
            &[&marks],
            &[&marks.replace("\"5\"", "5"), &marks.replace('\t', ","), &marks.replace("\"a\"", ""), ""],
        );
        assert!(Constraint::read("custom:csv_quotes", none.as_object().unwrap()).unwrap().found("a").is_some());
    }
}
