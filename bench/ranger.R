# bench/ranger.R: R's ranger as a process that does what it is told
#
# Reads commands from standard input, a line each, and answers each with a line
# "ok" (or dies, which the other side notices):
#
#   read NAME FILE ROWS COLUMNS       doubles, column by column, the target last
#   fit NAME TREES EXTRA THREADS SEED EXTRA 1: extremely randomized trees
#   predict NAME THREADS FILE         writes doubles
#   nodes                             answers with the number of nodes
#   version                           answers with the version

suppressPackageStartupMessages(library(ranger))

matrices <- new.env()
model <- NULL

read_matrix <- function(name, file, rows, columns) {
    values <- matrix(readBin(file, "double", rows * columns), rows, columns)
    features <- values[, -columns, drop = FALSE]
    colnames(features) <- paste0("f", seq_len(columns - 1))
    assign(name, list(x = features, y = values[, columns]), matrices)
}

# Trees are grown until no leaf can be split, every feature is tried.
fit <- function(name, trees, extra, threads, seed) {
    rows <- get(name, matrices)
    settings <- list(x = rows$x, y = rows$y, num.trees = trees, mtry = ncol(rows$x),
        min.node.size = 1, num.threads = threads, seed = seed, oob.error = FALSE,
        verbose = FALSE)
    if (extra) {
        settings <- c(settings, splitrule = "extratrees", num.random.splits = 1,
            replace = FALSE, sample.fraction = 1)
    }
    model <<- do.call(ranger, settings)
}

predict_rows <- function(name, threads, file) {
    rows <- get(name, matrices)
    found <- predict(model, data = rows$x, num.threads = threads, verbose = FALSE)
    writeBin(found$predictions, file)
}

obey <- function(words) {
    numbers <- suppressWarnings(as.numeric(words))
    switch(words[1],
        read = read_matrix(words[2], words[3], numbers[4], numbers[5]),
        fit = fit(words[2], numbers[3], numbers[4] == 1, numbers[5], numbers[6]),
        predict = predict_rows(words[2], numbers[3], words[4]),
        nodes = return(sum(lengths(model$forest$split.varIDs))),
        version = return(as.character(packageVersion("ranger"))))
    "ok"
}

commands <- file("stdin", "r")
while (length(line <- readLines(commands, 1)) > 0) {
    cat(obey(strsplit(line, " ")[[1]]), "\n", sep = "")
    flush(stdout())
}
