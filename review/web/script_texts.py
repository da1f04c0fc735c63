"""What the review page's script says. The page hands it over, so that every text is in the catalogues."""

from typing import Final

from review.web.language import message

SCRIPT_TEXTS: Final = {
    "loading": message("Fetching a question…"),
    "empty": message("Nothing is waiting for you here."),
    "others": message(
        "Others are looking at the last %(n)s questions. What they give back comes to you: this page asks again."
    ),
    "stuck": message("No connection: the next question comes when it is back. Your answers are kept here."),
    "open": message("%(n)s open"),
    "progress": message("%(n)s of %(size)s in batch %(batch)s"),
    "votes": message("%(n)s answered"),
    "pace": message("%(n)s an hour"),
    "online": message("Connected"),
    "offline": message("No connection"),
    "waiting": message("%(n)s to be sent"),
    "locked_out": message("You are logged out. Your answers wait in this browser until you log in again."),
    "log_in": message("Log in"),
    "saved": message("Saved: %(choice)s."),
    "skipped": message("Skipped."),
    "undone": message("Taken back. Answer again."),
    "nothing_to_undo": message("There is nothing to take back."),
    "too_late": message("Its verdict was shown to you: what you said before stays."),
    "undo_needs": message("To take that back, this page needs the connection."),
    "gone": message(
        "One answer was not taken: that question is not in the queue any more. Nothing else is lost."
    ),
    "refused": message("One answer was not taken (%(status)s): %(detail)s"),
    "unkept": message("This browser keeps nothing for this page: leave it open until everything is sent."),
    "batch_done": message("Batch %(batch)s is complete."),
    "batch_see": message("See what the judge said"),
    "flagged": message("Flagged for the lead."),
    "unflagged": message("Flag taken away."),
    "reason_kept": message("Reason noted; it is saved with your verdict."),
    "mark": message("%(principle)s: %(side)s"),
    "mark_left": message("left is better"),
    "mark_right": message("right is better"),
    "mark_same": message("both the same"),
    "mark_none": message("not marked"),
    "words_on": message("Words that only one answer has are marked."),
    "words_off": message("Words are not marked any more."),
    "words_too_many": message("These answers differ too much to mark words."),
    "source_on": message("Shown as written."),
    "source_off": message("Shown rendered."),
    "cut": message("Shown up to character %(shown)s of %(all)s. As written, all of it can be read."),
    "more": message("Show all %(n)s characters"),
    "empty_answer": message("(an empty answer)"),
    "user": message("User"),
    "assistant": message("Assistant"),
    "system": message("System"),
    "tool": message("Tool"),
    "unfold": message("Show the whole prompt"),
    "fold": message("Fold the prompt"),
    "press": message("Press a key…"),
    "key_taken": message("%(key)s already means: %(action)s"),
    "key_refused": message("This key is needed for other things. Take a letter, a digit or a sign."),
    "keys_saved": message("Keys saved."),
    "keys_unsaved": message("The keys could not be saved: %(detail)s"),
    "judge_agrees": message("The judge agrees: %(percent)s for the left answer."),
    "judge_disagrees": message("The judge disagrees: %(percent)s for the left answer."),
    "judge_said": message("The judge: %(percent)s for the left answer."),
    "judge_unscored": message("The judge gave no verdict."),
}

CAUSES: Final = {
    "cannot_tell": message("Nothing tells them apart"),
    "not_my_field": message("Somebody else knows more of this"),
    "language": message("I do not read this language"),
    "too_long": message("Too long to read"),
    "broken": message("It does not show properly"),
    "upsetting": message("It should not have to be looked at"),
    "other": message("Something else"),
}
"""Why a question is skipped, in the words of `review.queue.SkipCause`."""
