//! What the training of a model's weights needs: the exact chat of each row with its right answer, and the judgement of answers that
//! another program has made.

mod answer_judge;
mod chats;
mod model_text;
mod only_module;

pub use answer_judge::{AnswerJudge, AnswerJudgement, GivenAnswer};
pub use chats::{RowChat, chats};
pub use model_text::PromptText;
