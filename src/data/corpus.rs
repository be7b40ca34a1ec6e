//! A corpus to retrieve from: JSONL rows, and a BM25 index over them that is built once and memory-mapped from then on.
//!
//! The index lies in the folder of the models, under `indexes/`. Its name is a hash of the corpus's content and the options of
//! indexing. It can be removed at any time and is built again. Ranking is tantivy's BM25 (k1 = 1.2, b = 0.75). Of rows with the
//! same score, the one that stands first in the file is ranked first. Scripts without spaces between words are indexed by pairs
//! of neighbouring letters.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer};
use tantivy::{Index, Searcher, TantivyDocument, TantivyError, Term};

use super::dataset::Dataset;
use super::error::DataError;
use super::example::Example;
use super::wording::listed;
use crate::hash::sha256_hex;

/// The version of the index's content. It is increased whenever the same corpus and options would give another index.
const INDEX_VERSION: u32 = 2;

/// Which fields of a corpus are searched, and how their text becomes search terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Indexing {
    /// The fields of a row that are searched; left out: `["title", "text"]`.
    pub fields: Vec<String>,
    /// Whether English words are reduced to their stems.
    pub stem: bool,
    /// Whether frequent English words like "the" are not searched.
    pub stop_words: bool,
}

/// A corpus with its index. It can be searched from several threads at once.
pub struct Corpus {
    rows: Dataset,
    searcher: Searcher,
    analyzer: TextAnalyzer,
    text: Field,
    sha256: String,
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

/// The name under which the index knows the tokenizer.
const TOKENIZER: &str = "gepard";

/// The most memory for building an index, in bytes.
const BUILDING_MEMORY: usize = 200_000_000;

/// The most bytes of a term. Longer terms are not indexed.
const LONGEST_TERM: usize = 64;

/// How many rows are fetched from the index beyond those that are wanted. Rows with equal scores among them are then sorted by
/// their order in the file.
const EXTRA_ROWS: usize = 32;

/// Returns the tokenizer for these options.
fn analyzer(indexing: &Indexing) -> TextAnalyzer {
    let mut analyzer = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_TERM))
        .filter(LowerCaser)
        .dynamic();
    if let (true, Some(filter)) = (indexing.stop_words, StopWordFilter::new(Language::English)) {
        analyzer = analyzer.filter_dynamic(filter);
    }
    if indexing.stem {
        analyzer = analyzer.filter_dynamic(Stemmer::new(Language::English));
    }
    analyzer.build()
}

/// Whether a letter belongs to a script without spaces between words: Thai, Lao, Burmese, Khmer, Kana or Han.
fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && letter.is_alphanumeric()
}

/// Returns a text in which letters of scripts without spaces are replaced by pairs of neighbours, with spaces around them. A
/// letter without such a neighbour stays alone. Otherwise the tokenizer would take a whole sentence for one word.
fn pair_unspaced_letters(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unspaced) {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len() * 2);
    let mut run: Vec<char> = Vec::new();
    let close = |run: &mut Vec<char>, spaced: &mut String| {
        for pair in run.windows(run.len().clamp(1, 2)) {
            spaced.push(' ');
            spaced.extend(pair);
        }
        if !run.is_empty() {
            spaced.push(' ');
        }
        run.clear();
    };
    for letter in text.chars() {
        if is_unspaced(letter) {
            run.push(letter);
        } else {
            close(&mut run, &mut spaced);
            spaced.push(letter);
        }
    }
    close(&mut run, &mut spaced);
    Cow::Owned(spaced)
}

impl Corpus {
    /// Opens the corpus at `path`. Its index is built in `folder` if it is not there yet.
    ///
    /// # Errors
    /// [`DataError`] if a row cannot be used, the corpus is empty, or the index cannot be written or opened.
    pub fn open(path: &Path, indexing: &Indexing, folder: &Path) -> Result<Self, DataError> {
        let rows = Dataset::open(path, None)?;
        if rows.is_empty() {
            return Err(DataError::Empty {
                path: path.to_owned(),
                rows: 0,
                unlabelled: 0,
                need: "a corpus needs rows to retrieve",
            });
        }
        let sha256 = rows.sha256()?;
        let options = serde_json::json!({ "version": INDEX_VERSION, "corpus": sha256, "indexing": indexing }).to_string();
        let target = folder.join(&sha256_hex(options.as_bytes())[..32]);
        let failed = |cause: TantivyError| DataError::Index { path: target.clone(), cause: cause.to_string() };
        let analyzer = analyzer(indexing);
        if !target.join("meta.json").is_file() {
            build(&rows, indexing, &analyzer, &target)?;
        }
        let index = Index::open_in_dir(&target).map_err(failed)?;
        let text = index.schema().get_field("text").map_err(failed)?;
        let searcher = index.reader().map_err(failed)?.searcher();
        if searcher.num_docs() != rows.len() as u64 {
            let cause =
                format!("it has {} rows, the corpus {}; remove the folder, it is built anew", searcher.num_docs(), rows.len());
            return Err(DataError::Index { path: target, cause });
        }
        Ok(Self { rows, searcher, analyzer, text, sha256 })
    }

    /// Returns the SHA-256 of the corpus's file, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the `k` rows that fit the query best, the best first. There are fewer where fewer rows have a word of the query.
    ///
    /// # Errors
    /// A message if the index or a row cannot be read.
    pub fn search(&self, query: &str, k: usize) -> Result<Vec<Example>, String> {
        let mut terms: Vec<Term> = Vec::new();
        let mut analyzer = self.analyzer.clone();
        let query = pair_unspaced_letters(query);
        let mut tokens = analyzer.token_stream(&query);
        tokens.process(&mut |token| terms.push(Term::from_field_text(self.text, &token.text)));
        if terms.is_empty() || k == 0 {
            return Ok(Vec::new());
        }
        let clause = |term: Term| -> (Occur, Box<dyn Query>) {
            (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
        };
        let query = BooleanQuery::new(terms.into_iter().map(clause).collect());
        let best =
            self.searcher.search(&query, &TopDocs::with_limit(k + EXTRA_ROWS).order_by_score()).map_err(|e| e.to_string())?;
        let mut ranked: Vec<(f32, u64)> = Vec::with_capacity(best.len());
        for (score, address) in best {
            let rows = self.searcher.segment_reader(address.segment_ord).fast_fields().u64("row").map_err(|e| e.to_string())?;
            ranked.push((score, rows.first(address.doc_id).ok_or("the index lacks a row's number")?));
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(k);
        let row = |(_, row): (f32, u64)| {
            let row = usize::try_from(row).map_err(|e| e.to_string())?;
            self.rows.get(row).map_err(|e| e.to_string())
        };
        ranked.into_iter().map(row).collect()
    }
}

/// Builds an index in a temporary folder and renames it to `target` when it is complete.
fn build(rows: &Dataset, indexing: &Indexing, analyzer: &TextAnalyzer, target: &Path) -> Result<(), DataError> {
    let failed = |cause: String| DataError::Index { path: target.to_owned(), cause };
    let folder = target.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder).map_err(|e| failed(e.to_string()))?;
    let unfinished = tempfile::Builder::new().prefix(".building-").tempdir_in(&folder).map_err(|e| failed(e.to_string()))?;

    let mut schema = Schema::builder();
    let terms = TextFieldIndexing::default().set_tokenizer(TOKENIZER).set_index_option(IndexRecordOption::WithFreqs);
    let text = schema.add_text_field("text", TextOptions::default().set_indexing_options(terms));
    let row = schema.add_u64_field("row", FAST);
    let tantivy = |e: TantivyError| failed(e.to_string());
    let index = Index::create_in_dir(unfinished.path(), schema.build()).map_err(tantivy)?;
    index.tokenizers().register(TOKENIZER, analyzer.clone());
    // With one thread, the rows stay in the order of the file.
    let mut writer = index.writer_with_num_threads(1, BUILDING_MEMORY).map_err(tantivy)?;
    for number in 0..rows.len() {
        let example = rows.get(number)?;
        let mut document = TantivyDocument::default();
        let texts: Vec<String> = indexing.fields.iter().filter_map(|field| example.input(field)).collect();
        if texts.is_empty() {
            return Err(rows.unusable(number, format!("none of the fields {} is there", listed(&indexing.fields))));
        }
        document.add_text(text, pair_unspaced_letters(&texts.join("\n")));
        document.add_u64(row, number as u64);
        writer.add_document(document).map_err(tantivy)?;
    }
    writer.commit().map_err(tantivy)?;
    writer.wait_merging_threads().map_err(tantivy)?;
    match std::fs::rename(unfinished.path(), target) {
        Ok(()) => Ok(()),
        // Another process has built the same index meanwhile.
        Err(_) if target.join("meta.json").is_file() => Ok(()),
        Err(error) => Err(failed(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(folder: &Path, rows: &[&str], stem: bool) -> Result<Corpus, DataError> {
        let path = folder.join("corpus.jsonl");
        std::fs::write(&path, rows.join("\n")).unwrap();
        let indexing = Indexing { fields: vec!["title".into(), "text".into()], stem, stop_words: true };
        Corpus::open(&path, &indexing, &folder.join("indexes"))
    }

    const ROWS: [&str; 4] = [
        r#"{"title": "Cats", "text": "They were sleeping"}"#,
        r#"{"title": "Dogs", "text": "They bark at cats"}"#,
        r#"{"title": "Dogs too", "text": "They bark at cats"}"#,
        r#"{"title": "Ü", "text": "nothing of the sort"}"#,
    ];

    fn titles(corpus: &Corpus, query: &str, k: usize) -> Vec<String> {
        corpus.search(query, k).unwrap().iter().map(|row| row.text("title").unwrap()).collect()
    }

    #[test]
    fn rows_are_ranked_and_equals_stand_in_the_file_s_order() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path(), &ROWS, true).unwrap();
        assert_eq!(titles(&corpus, "Who barks at a CAT?", 7), ["Dogs", "Dogs too", "Cats"]);
        assert_eq!(titles(&corpus, "sleep", 7), ["Cats"]);
        assert_eq!(titles(&corpus, "bark", 1), ["Dogs"]);
        assert_eq!(titles(&corpus, "the (of) AND \" *", 7), [""; 0]);
        assert_eq!(titles(&corpus, "ü", 7), ["Ü"]);
    }

    #[test]
    fn scripts_without_spaces_are_searched_by_pairs_of_letters() {
        assert_eq!(pair_unspaced_letters("in 東京都 und 京"), "in  東京 京都  und  京 ");
        assert_eq!(pair_unspaced_letters("plain"), "plain");
        let folder = tempfile::tempdir().unwrap();
        let rows = [
            r#"{"title": "東京", "text": "東京は日本の首都であり、世界でも有数の大都市として知られている。"}"#,
            r#"{"title": "猫", "text": "猫は小さな肉食の動物で、古くから人と暮らしてきた。"}"#,
            r#"{"title": "กรุงเทพ", "text": "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"}"#,
        ];
        let corpus = corpus(folder.path(), &rows, true).unwrap();
        assert_eq!(titles(&corpus, "日本の首都はどこですか", 1), ["東京"]);
        assert_eq!(titles(&corpus, "肉食の動物", 1), ["猫"]);
        assert_eq!(titles(&corpus, "เมืองหลวงของไทย", 1), ["กรุงเทพ"]);
    }

    /// The Python package bm25s (0.3.16) drops words of one letter, and fills a result with rows that do not match.
    #[test]
    fn words_of_one_letter_count_and_rows_that_do_not_match_are_not_returned() {
        let folder = tempfile::tempdir().unwrap();
        let row = |letter: &str| format!(r#"{{"title": "{letter}", "text": "Vitamin {letter} is found in food."}}"#);
        let rows: Vec<String> = ["A", "C", "D", "1"].iter().map(|letter| row(letter)).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let corpus = corpus(folder.path(), &rows, true).unwrap();
        for letter in ["C", "D", "1"] {
            assert_eq!(titles(&corpus, &format!("vitamin {letter}"), 1), [letter]);
        }
        assert_eq!(titles(&corpus, "x", 4), [""; 0]);
        assert_eq!(titles(&corpus, "zinc", 4), [""; 0]);
        assert_eq!(titles(&corpus, "d x", 4), ["D"]);
    }

    #[test]
    fn what_is_null_is_not_searched() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = corpus(folder.path(), &[r#"{"title": "a", "text": null}"#, ROWS[0]], true).unwrap();
        assert_eq!(titles(&corpus, "null", 7), [""; 0]);
    }

    #[test]
    fn an_index_is_built_once_for_each_corpus_and_way_of_indexing() {
        let folder = tempfile::tempdir().unwrap();
        let count = || std::fs::read_dir(folder.path().join("indexes")).unwrap().count();
        drop(corpus(folder.path(), &ROWS, true).unwrap());
        drop(corpus(folder.path(), &ROWS, true).unwrap());
        assert_eq!(count(), 1);
        let unstemmed = corpus(folder.path(), &ROWS, false).unwrap();
        assert_eq!((count(), titles(&unstemmed, "sleep", 7).len()), (2, 0));
        assert_eq!(titles(&corpus(folder.path(), &ROWS[..1], true).unwrap(), "bark", 7).len(), 0);
    }

    #[test]
    fn rows_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = corpus(folder.path(), &[ROWS[0], r#"{"body": "x"}"#], true).unwrap_err().to_string();
        assert!(error.contains("corpus.jsonl:2: none of the fields `title`, `text` is there"), "{error}");
        let error = corpus(folder.path(), &["{"], true).unwrap_err().to_string();
        assert!(error.contains(":1: not valid JSON"), "{error}");
        assert!(matches!(corpus(folder.path(), &[], true), Err(DataError::Empty { .. })));
        let left: Vec<_> = std::fs::read_dir(folder.path().join("indexes")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
